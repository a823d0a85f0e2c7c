# What must hold of the package, beside that it builds and passes its unit tests.
{
  lib,
  cargo,
  clippy,
  rustfmt,
  runCommand,
  claudebox,
}:
{
  clippy = claudebox.overrideAttrs (before: {
    pname = "claudebox-clippy";
    nativeBuildInputs = before.nativeBuildInputs ++ [ clippy ];
    buildPhase = ''
      runHook preBuild
      cargo clippy --workspace --all-targets --offline --locked -- --deny warnings
      runHook postBuild
    '';
    doCheck = false;
    installPhase = "touch $out";
    postInstall = "";
  });

  fmt =
    runCommand "claudebox-fmt"
      {
        nativeBuildInputs = [
          cargo
          rustfmt
        ];
      }
      ''
        cd ${claudebox.src}
        cargo fmt --all --check
        touch $out
      '';

  # The paths of the tools are compiled in, so they must also be in its closure, or they would be collected as garbage.
  closure = runCommand "claudebox-closure" { } ''
    ${lib.getExe claudebox} --version
    for folder in ${lib.concatMapStringsSep " " (tool: "${lib.getBin tool}/bin") claudebox.tools}; do
      grep --quiet --fixed-strings "$folder" ${lib.getExe claudebox}
    done
    touch $out
  '';
}
