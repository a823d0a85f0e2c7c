# A stand-in for nixpkgs: just what claudebox's flake.nix asks of it, on the store of the lab.
#
# It shows the shape of our Nix code and what it does, not that it agrees with nixpkgs: names and options of nixpkgs are
# right where someone has read them there. `flake-check` beside this folder puts it in the place of the input.
{
  outputs =
    { self }:
    {
      lib = import ./lib.nix;
      legacyPackages = self.lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] (system: import ./. { inherit system; });
    };
}
