# A shell to work on claudebox in: what the package is built with, and what its tests start.
{
  mkShell,
  bubblewrap,
  cargo-deny,
  claudebox,
  clippy,
  iproute2,
  just,
  keyutils,
  nftables,
  nodejs,
  openssh,
  passt,
  procps,
  rustfmt,
  shellcheck,
  util-linux,
}:
mkShell {
  inputsFrom = [ claudebox ];
  packages = [
    bubblewrap
    cargo-deny
    clippy
    iproute2
    just
    keyutils
    nftables
    nodejs
    openssh
    passt
    procps
    rustfmt
    shellcheck
    util-linux
  ];
}
