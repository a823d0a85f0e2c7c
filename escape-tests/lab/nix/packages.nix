# A small genuine store: Debian's programs, unpacked and relinked by Nix.
#
# Owns the packages alone. Their sources are .deb files: `closures.nix`, which
# `setup` writes beside this file, says for each package which of them it needs.
# Nothing here reaches the network, and nothing comes from a binary cache: every
# output is built, scanned for references and registered like any other.
let
  busybox = builtins.path {
    path = ./busybox;
    name = "busybox-static";
  };
  closures = import ./closures.nix;

  # Version epochs and the like are written in deb file names with characters
  # that the name of a store path may not hold.
  storeName = builtins.replaceStrings [ "%" "~" ":" ] [ "-" "-" "-" ];
  deb =
    file:
    builtins.path {
      path = ./debs + "/${file}";
      name = storeName file;
    };

  run =
    name: script:
    derivation {
      inherit name;
      system = "x86_64-linux";
      builder = "${busybox}/busybox";
      args = [
        "sh"
        "-euc"
        ''
          export PATH=$NIX_BUILD_TOP/applets
          ${busybox}/busybox mkdir $PATH
          ${busybox}/busybox --install -s $PATH
          ${script}
        ''
      ];
    };

  # /usr/lib/<triplet> and the places from before merged /usr end in $out/lib.
  unpack = package: ''
    mkdir -p $NIX_BUILD_TOP/x $out/lib $out/bin
    cd $NIX_BUILD_TOP/x
    for deb in ${toString (map deb closures.${package})}; do
      ar x $deb
      xzcat data.tar.xz | tar x
      rm -f data.tar.xz control.tar.xz debian-binary
    done
    for dir in usr/lib/x86_64-linux-gnu lib/x86_64-linux-gnu usr/lib lib; do
      if [ -d $dir ]; then cp -a $dir/. $out/lib/; fi
    done
    rm -rf $out/lib/x86_64-linux-gnu
    for dir in usr/bin bin usr/sbin sbin; do
      if [ -d $dir ]; then cp -a $dir/. $out/bin/; fi
    done
    if [ -d usr/share/git-core ]; then mkdir -p $out/share; cp -a usr/share/git-core $out/share/; fi
    if [ -e usr/lib64/ld-linux-x86-64.so.2 ] && [ ! -e $out/lib/ld-linux-x86-64.so.2 ]; then
      cp -a usr/lib64/. $out/lib/
    fi
  '';

  glibc = run "glibc" (unpack "libc6" + "test -e $out/lib/ld-linux-x86-64.so.2");
  unpatchedPatchelf = run "patchelf-unpatched" (unpack "patchelf");

  # Each ELF file gets the store's dynamic linker and looks for its libraries
  # beside itself and in glibc, so that it runs where there is no /lib.
  relink = ''
    elf() {
      ${glibc}/lib/ld-linux-x86-64.so.2 --library-path ${glibc}/lib:${unpatchedPatchelf}/lib \
        ${unpatchedPatchelf}/bin/patchelf "$@"
    }
    find $out -type f | while read -r file; do
      [ "$(od -An -tx1 -N4 "$file" | tr -d ' ')" = 7f454c46 ] || continue
      chmod u+w "$file"
      if elf --print-interpreter "$file" >/dev/null 2>&1; then
        elf --set-interpreter ${glibc}/lib/ld-linux-x86-64.so.2 "$file"
      fi
      case "$file" in
        *.o | *.a) ;;
        *) elf --set-rpath $out/lib:${glibc}/lib "$file" || echo "left as it is: $file" ;;
      esac
    done
  '';

  package = name: finish: run name (unpack name + relink + finish);
in
rec {
  inherit glibc;
  bash = package "bash" "ln -s bash $out/bin/sh";
  patchelf = package "patchelf" "";
  coreutils = package "coreutils" "";
  findutils = package "findutils" "";
  gnugrep = package "grep" "";
  gnused = package "sed" "";
  bubblewrap = package "bubblewrap" "";
  curl = package "curl" "";
  jq = package "jq" "";
  nix = package "nix-bin" "";
  ripgrep = package "ripgrep" "";

  # A wrapper around a hidden executable, as nixpkgs' makeWrapper leaves it: what
  # runs is not the file that the link in a profile names.
  git = package "git" ''
    mv $out/bin/git $out/bin/.git-wrapped
    {
      echo '#!${bash}/bin/bash -e'
      echo "export GIT_EXEC_PATH=$out/lib/git-core GIT_TEMPLATE_DIR=$out/share/git-core/templates"
      echo "exec -a git $out/bin/.git-wrapped \"\$@\""
    } > $out/bin/git
    chmod 555 $out/bin/git
    ln -sf $out/bin/git $out/lib/git-core/git
  '';

  # One bundle and no hashed links, which is all that NixOS has.
  cacert = run "nss-cacert" ''
    mkdir -p $NIX_BUILD_TOP/x $out/etc/ssl/certs
    cd $NIX_BUILD_TOP/x
    ar x ${deb (builtins.head closures.ca-certificates)}
    xzcat data.tar.xz | tar x
    cat usr/share/ca-certificates/mozilla/*.crt > $out/etc/ssl/certs/ca-bundle.crt
  '';

  tzdata = run "tzdata" ''
    mkdir -p $NIX_BUILD_TOP/x $out/share
    cd $NIX_BUILD_TOP/x
    ar x ${deb (builtins.head closures.tzdata)}
    xzcat data.tar.xz | tar x ./usr/share/zoneinfo/Europe/Berlin ./usr/share/zoneinfo/Etc/UTC
    cp -a usr/share/zoneinfo $out/share/
  '';

  # For nixos.nix, which builds with the same means.
  inherit run;
}
