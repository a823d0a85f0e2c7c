# What claudebox offers to Nix: the package, what must hold of it, a shell to work in.
#
# nixpkgs is the only input. `escape-tests/lab/nix/flake-check` puts a stand-in in its place and checks this file without
# a network: its shape, not that it agrees with nixpkgs.
{
  description = "Runs Claude Code inside a bubblewrap sandbox in which no secret of the host is reachable";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixpkgs-unstable";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      perSystem = make: lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});
      ofThis = pkgs: self.packages.${pkgs.stdenv.hostPlatform.system};
    in
    {
      packages = perSystem (pkgs: rec {
        claudebox = pkgs.callPackage ./nix/package.nix { };
        default = claudebox;
      });

      apps = perSystem (pkgs: {
        default = {
          type = "app";
          program = lib.getExe (ofThis pkgs).claudebox;
          meta.description = "Start Claude Code in the sandbox";
        };
      });

      checks = perSystem (
        pkgs:
        let
          checks = pkgs.callPackage ./nix/checks.nix { inherit (ofThis pkgs) claudebox; };
          vms = pkgs.callPackage ./nixos-tests { inherit (ofThis pkgs) claudebox; };
        in
        { build = (ofThis pkgs).claudebox; } // checks // vms
      );

      devShells = perSystem (pkgs: {
        default = pkgs.callPackage ./nix/shell.nix { inherit (ofThis pkgs) claudebox; };
      });
    };
}
