# Claude Code as a store path, from an executable that was installed before.
#
# Owns nothing else. The executable (some 245 MB) is shown to the build through
# `sandbox-paths` at /claude-code and not copied into the store first; its hash
# in the derivation keeps two versions apart. Only the dynamic linker may be
# set: a changed library path makes the program crash at its start, so a wrapper
# names the libraries.
{
  sha256,
  bash,
  coreutils,
  glibc,
  patchelf,
}:
let
  # The paths are registered already; this only gives them their context.
  stored = builtins.mapAttrs (_: builtins.storePath) {
    inherit
      bash
      coreutils
      glibc
      patchelf
      ;
  };
in
derivation {
  name = "claude-code";
  system = "x86_64-linux";
  inherit sha256;
  builder = "${stored.bash}/bin/bash";
  PATH = "${stored.coreutils}/bin:${stored.patchelf}/bin";
  args = [
    "-euc"
    ''
      mkdir -p $out/bin
      cp /claude-code $out/bin/.claude-wrapped
      chmod 755 $out/bin/.claude-wrapped
      patchelf --set-interpreter ${stored.glibc}/lib/ld-linux-x86-64.so.2 $out/bin/.claude-wrapped
      {
        echo '#!${stored.bash}/bin/bash -e'
        echo 'export LD_LIBRARY_PATH=${stored.glibc}/lib DISABLE_AUTOUPDATER=1 DISABLE_INSTALLATION_CHECKS=1'
        echo "exec -a \"\$0\" $out/bin/.claude-wrapped \"\$@\""
      } > $out/bin/claude
      chmod 555 $out/bin/claude
      # Not chmod: it closes its streams before it exits, which Nix may take for a builder that hangs, and kill.
      :
    ''
  ];
}
