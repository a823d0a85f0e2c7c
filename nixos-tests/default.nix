# The VM tests: each other file of this folder is one, named after it.
{
  lib,
  testers,
  claudebox,
}:
let
  files = lib.filterAttrs (name: _: lib.hasSuffix ".nix" name && name != "default.nix") (
    builtins.readDir ./.
  );
in
lib.mapAttrs' (name: _: {
  name = "vm-${lib.removeSuffix ".nix" name}";
  value = testers.runNixOSTest (import (./. + "/${name}") { inherit claudebox; });
}) files
