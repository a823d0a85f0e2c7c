# The package: the launcher, which knows at build time where bubblewrap, nft, pasta and the tools of the sandbox are.
#
# Nothing wraps it. It must find them without the caller's PATH, and its own executable is shown inside, where a
# wrapper would need a shell. Hence the variables, which the launcher reads while it is compiled.
{
  lib,
  stdenv,
  rustPlatform,
  installShellFiles,
  bash,
  bubblewrap,
  comma,
  coreutils,
  curl,
  diffutils,
  fd,
  findutils,
  gawk,
  git,
  gnugrep,
  gnused,
  gnutar,
  gzip,
  jq,
  less,
  nftables,
  nix,
  nodejs,
  passt,
  procps,
  ripgrep,
}:
let
  # PATH inside, in this order.
  tools = [
    coreutils
    bash
    git
    curl
    jq
    ripgrep
    fd
    nodejs
    nix
    comma
    # Without these a POSIX script is lost.
    gnugrep
    gnused
    findutils
    gawk
    diffutils
    gnutar
    gzip
    less
    procps
  ];
in
rustPlatform.buildRustPackage {
  pname = "claudebox";
  version = (lib.importTOML ../Cargo.toml).workspace.package.version;

  # What cargo reads (tests use the laws of fuzz), and nothing that changes without it.
  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../.cargo
      ../Cargo.lock
      ../Cargo.toml
      ../benches
      ../clippy.toml
      ../escape-tests
      ../fuzz/Cargo.toml
      ../fuzz/src
      ../launcher
      ../rustfmt.toml
    ];
  };
  cargoLock.lockFile = ../Cargo.lock;

  # The companion of `claudebox verify` is a program of the tests.
  cargoBuildFlags = [
    "--package=claudebox"
    "--package=escape-tests"
    "--bin=claudebox"
    "--bin=claudebox-verify"
  ];
  # The other tests start sandboxes, which a build may not.
  cargoTestFlags = [
    "--package=claudebox"
    "--lib"
  ];

  env = {
    CLAUDEBOX_BWRAP = "${bubblewrap}/bin/bwrap";
    CLAUDEBOX_NFT = "${nftables}/bin/nft";
    CLAUDEBOX_PASTA = "${passt}/bin/pasta";
    CLAUDEBOX_TOOLS = lib.makeBinPath tools;
  }
  # Linked statically (.cargo/config.toml), since it is PID 1 where no library need be; the archives of glibc are an
  # output of their own. The flag reaches the program alone, not the build scripts, which are dynamic.
  // lib.optionalAttrs stdenv.hostPlatform.isGnu {
    "CARGO_TARGET_${stdenv.hostPlatform.rust.cargoEnvVarTarget}_RUSTFLAGS" =
      "-L native=${stdenv.cc.libc.static}/lib";
  };

  nativeBuildInputs = [ installShellFiles ];
  postInstall = ''
    install -D --target-directory=$out/libexec/claudebox $out/bin/claudebox-verify
    rm $out/bin/claudebox-verify
  ''
  + lib.optionalString (stdenv.buildPlatform.canExecute stdenv.hostPlatform) ''
    for shell in bash zsh fish; do
      $out/bin/claudebox completions $shell > claudebox.$shell
    done
    installShellCompletion claudebox.{bash,zsh,fish}
    $out/bin/claudebox man > claudebox.1
    installManPage claudebox.1
  '';

  passthru = { inherit tools; };

  meta = {
    description = "Runs Claude Code inside a bubblewrap sandbox in which no secret of the host is reachable";
    license = with lib.licenses; [
      mit
      asl20
    ];
    mainProgram = "claudebox";
    platforms = lib.platforms.linux;
  };
}
