# What a NixOS system keeps in the store besides its packages: the generated
# `etc`, the system itself, a user's profile and the files that home-manager
# links into the home folder.
#
# Owns their contents; `escape_tests::nix_lab` lays out the links that lead here.
# NixOS-shaped, not NixOS: no activation script, no unit and no module ran.
let
  packages = import ./packages.nix;
  inherit (packages) run;

  # Every program by a link, as `environment.systemPackages` ends up.
  farm =
    name: from:
    run name ''
      mkdir -p $out/bin
      for package in ${toString from}; do
        for program in $package/bin/*; do ln -sf $program $out/bin/; done
      done
    '';
in
rec {
  inherit (packages)
    glibc
    bash
    patchelf
    coreutils
    bubblewrap
    curl
    git
    jq
    nix
    ripgrep
    cacert
    ;

  systemPath = farm "system-path" (
    with packages;
    [
      bash
      coreutils
      findutils
      gnugrep
      gnused
      bubblewrap
      curl
      git
      jq
      nix
      ripgrep
    ]
  );

  etc = run "etc" ''
    mkdir -p $out/etc/ssl/certs $out/etc/nix $out/etc/pki/tls/certs $out/etc/profiles/per-user
    ln -s ${userEnvironment} $out/etc/profiles/per-user/boxer
    cat > $out/etc/profile <<'END'
    export PATH=/run/wrappers/bin:$HOME/.nix-profile/bin:/etc/profiles/per-user/$USER/bin:/nix/var/nix/profiles/default/bin:/run/current-system/sw/bin
    END
    printf 'ID=nixos\nNAME=NixOS\nPRETTY_NAME="NixOS (laid out by a test)"\nVERSION_ID="26.05"\n' > $out/etc/os-release
    printf 'passwd: files systemd\ngroup: files systemd\nhosts: mymachines resolve files dns\n' > $out/etc/nsswitch.conf
    printf 'experimental-features = nix-command flakes\naccess-tokens = forge.example=nix-lab-canary\n' > $out/etc/nix/nix.conf
    for place in ssl/certs/ca-bundle.crt ssl/certs/ca-certificates.crt pki/tls/certs/ca-bundle.crt; do
      ln -s ${packages.cacert}/etc/ssl/certs/ca-bundle.crt $out/etc/$place
    done
    ln -s ${packages.tzdata}/share/zoneinfo $out/etc/zoneinfo
    echo lab > $out/etc/hostname
  '';

  system = run "nixos-system-lab" ''
    mkdir $out
    ln -s ${systemPath} $out/sw
    ln -s ${etc}/etc $out/etc
    echo lab > $out/nixos-version
  '';

  userEnvironment = farm "user-environment" [
    packages.ripgrep
    packages.jq
  ];

  # Two hops, as home-manager has it: the home's link leads into this farm, and
  # each file of the farm is a link to a store path of its own.
  gitConfig = run "hm_gitconfig" ''
    printf '[user]\n\tname = Nix Lab\n\temail = nix-lab@example.org\n[alias]\n\tpwn = !echo pwned\n' > $out
  '';
  bashrc = run "hm_.bashrc" "echo 'export FROM_HOME_MANAGER=1' > $out";
  claudeMemory = run "hm_CLAUDE.md" "echo 'Memory kept by home-manager.' > $out";
  homeFiles = run "home-manager-files" ''
    mkdir -p $out/.config/git $out/.claude
    ln -s ${gitConfig} $out/.config/git/config
    ln -s ${bashrc} $out/.bashrc
    ln -s ${claudeMemory} $out/.claude/CLAUDE.md
  '';
}
