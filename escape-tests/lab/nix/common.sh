# What the scripts of this folder share: their errors, and a root in which /nix is what they say.
# shellcheck shell=bash

fail() { # what was tried, what helps
    printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
    exit 1
}

needs_root() {
    [ "$(id -u)" = 0 ] || fail "mounting as uid $(id -u)" "run this script as root"
}

needs() {
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || fail "looking for $tool: it is not on PATH" "this script needs a Debian machine"
    done
}

# Makes the folder $1 a root that Nix can work in.
furnish() {
    mkdir -p "$1"/{proc,dev,tmp,root,nix,lab,etc/nix}
    # What LAB_SHOW may name: a file needs a file to be mounted on.
    : >"$1/claude-code"
    echo root:x:0:0:root:/root:/bin/sh >"$1/etc/passwd"
    echo root:x:0: >"$1/etc/group"
    # Without build users, which would be those of the host too: the root has no user namespace.
    # With a substituter each build would first wait for a network that is not there.
    printf '%s\n' 'experimental-features = nix-command flakes' 'substituters =' 'build-users-group =' \
        >"$1/etc/nix/nix.conf"
}

# Runs a command in the root $1, in a mount namespace that ends with it. LAB_NIX is then /nix, and each line FROM:TO of
# LAB_SHOW is a mount more.
in_root() {
    # shellcheck disable=SC2016 # for the shell inside
    unshare --mount --propagation private bash -euc '
        root=$1
        shift
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        mount -t tmpfs tmpfs "$root/tmp"
        if [ -n "${LAB_NIX-}" ]; then mount --bind "$LAB_NIX" "$root/nix"; fi
        while IFS=: read -r from to; do
            if [ -n "$from" ]; then mount --rbind "$from" "$root$to"; fi
        done <<<"${LAB_SHOW-}"
        unset LAB_NIX LAB_SHOW
        exec env -i HOME=/root PATH=/usr/bin:/bin TERM=dumb "$(command -v chroot)" "$root" "$@"' in_root "$@"
}

# The store path of $2 in the lab at $1.
store_path() {
    sed -n 's/.*"'"$2"'":"\([^"]*\)".*/\1/p' "$1/manifest.json"
}
