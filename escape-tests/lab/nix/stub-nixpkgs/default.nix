# The packages: those of the lab's store, and builds that use the Rust toolchain of the machine.
#
# `manifest.json` is the lab's; `flake-check` lays it beside this file. The toolchain, a C compiler and the crates that
# `cargo vendor` brought are shown to a build at /rust, /usr and /vendor.
{ system }:
let
  lib = import ./lib.nix;
  manifest = builtins.fromJSON (builtins.readFile ./manifest.json);

  # A path that is in the store already. It needs its context, or a build would not see it.
  stored =
    name: path:
    let
      outPath = builtins.appendContext path { ${path}.path = true; };
    in
    {
      type = "derivation";
      inherit name outPath;
      out = outPath;
    };
  packages = builtins.mapAttrs stored manifest;

  # A shell puts its last program in its own place, and programs of coreutils close their streams before they exit. Nix
  # takes that for the end of the build and kills it, now and then before it has exited. So a built-in command is the last.
  stay = "\n:";

  # What the lab's store lacks: an empty package by that name.
  absent =
    name: derivation {
      inherit name system;
      builder = "${packages.bash}/bin/bash";
      args = [
        "-c"
        "${packages.coreutils}/bin/mkdir -p $out/bin${stay}"
      ];
    };

  overridable =
    arguments:
    let
      env = arguments.env or { };
      own = builtins.removeAttrs arguments [
        "env"
        "meta"
        "passthru"
        "cargoLock"
      ];
      built = derivation (
        {
          inherit system;
          name = "${arguments.pname}-${arguments.version}";
          builder = "${packages.bash}/bin/bash";
          PATH = "/rust/bin:/usr/bin:/bin";
          args = [
            "-c"
            ''
              set -euo pipefail
              runHook() { :; }
              installShellCompletion() { mkdir -p $out/share/completions; cp "$@" $out/share/completions; }
              installManPage() { mkdir -p $out/share/man/man1; cp "$@" $out/share/man/man1; }
              export HOME=$NIX_BUILD_TOP CARGO_HOME=$NIX_BUILD_TOP/.cargo-home CARGO_TARGET_DIR=$NIX_BUILD_TOP/target
              mkdir $CARGO_HOME
              cat > $CARGO_HOME/config.toml <<'END'
              [source.crates-io]
              replace-with = "vendored"
              [source.vendored]
              directory = "/vendor"
              END
              cp -r $src source
              chmod -R u+w source
              cd source
              eval "$buildPhase"
              if [ "$doCheck" = 1 ]; then cargo test --offline --locked $cargoTestFlags -- $checkFlags; fi
              eval "$installPhase"
              eval "$postInstall"
              :
            ''
          ];
          # Not optimised, as nobody runs it for long: a fifth of the time.
          buildPhase = "cargo build --offline --locked $cargoBuildFlags";
          installPhase = "mkdir -p $out/bin; cp $CARGO_TARGET_DIR/*/debug/claudebox $CARGO_TARGET_DIR/*/debug/claudebox-verify $out/bin/";
          doCheck = true;
          checkFlags = "";
          postInstall = "";
        }
        // own
        // env
      );
    in
    built
    // {
      inherit (arguments) meta src version;
      nativeBuildInputs = arguments.nativeBuildInputs or [ ];
      overrideAttrs = change: overridable (arguments // change ({ nativeBuildInputs = [ ]; } // arguments));
    }
    // arguments.passthru or { };

  run =
    name: environment: script:
    derivation (
      environment
      // {
        inherit name system;
        builder = "${packages.bash}/bin/bash";
        PATH = "/rust/bin:/usr/bin:/bin";
        args = [
          "-euc"
          (script + stay)
        ];
      }
    );

  pkgs =
    packages
    // lib.genAttrs [
      "cargo"
      "cargo-deny"
      "clippy"
      "comma"
      "diffutils"
      "fd"
      "findutils"
      "gawk"
      "gnugrep"
      "gnused"
      "gnutar"
      "gzip"
      "installShellFiles"
      "just"
      "keyutils"
      "less"
      "iproute2"
      "nftables"
      "nodejs"
      "openssh"
      "passt"
      "procps"
      "rustfmt"
      "shellcheck"
      "util-linux"
    ] absent
    // {
      inherit lib;
      stdenv = {
        hostPlatform = {
          inherit system;
          isGnu = true;
          rust.cargoEnvVarTarget =
            {
              x86_64-linux = "X86_64_UNKNOWN_LINUX_GNU";
              aarch64-linux = "AARCH64_UNKNOWN_LINUX_GNU";
            }
            .${system};
        };
        buildPlatform.canExecute = _: true;
        # The machine's compiler finds its own archives.
        cc.libc.static = absent "glibc-static";
      };
      rustPlatform.buildRustPackage = overridable;
      runCommand = run;
      mkShell = arguments: run "nix-shell" { } "echo ${toString (map (package: package.name) arguments.packages)} > $out";
      # No machine boots: the module is evaluated as far as it names things, and the script is kept to be looked at.
      testers.runNixOSTest =
        test:
        let
          machine = builtins.mapAttrs (_: node: node { inherit pkgs; config = { }; }) test.nodes;
        in
        run "vm-test-${test.name}-not-run" {
          inherit (test) testScript;
          nodes = builtins.toJSON (builtins.mapAttrs (_: node: builtins.attrNames node) machine);
        } ''printf '%s' "$testScript" > $out'';
      callPackage =
        file: overrides:
        let
          make = import file;
          wanted = builtins.intersectAttrs (builtins.functionArgs make) pkgs;
        in
        make (wanted // overrides);
    };
in
pkgs
