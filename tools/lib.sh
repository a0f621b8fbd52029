# What tools/demo and tools/check share: Debian's packages, and the build. POSIX sh.

root=$(cd "$(dirname "$0")/.." && pwd)

say() {
    printf '\n==> %s\n' "$*"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        echo "$0: need root (or sudo) to install: $packages" >&2
        exit 1
    fi
}

# need PACKAGE...: installs those that are missing, and says so.
need() {
    packages=
    for package; do
        state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || :)
        [ "$state" = installed ] || packages="$packages $package"
    done
    [ -n "$packages" ] || return 0
    say "installing from Debian:$packages"
    as_root apt-get update -q
    # shellcheck disable=SC2086 # a list of names
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $packages
}

need_to_build() {
    need g++ gcc libc6-dev cmake ninja-build pkg-config libev-dev libsqlite3-dev libjansson-dev \
        libxxhash-dev libinih-dev libtomlplusplus-dev libncurses-dev uthash-dev check python3 python3-nose python3-jsonschema "$@"
}

# build PRESET: configures and builds it in build/PRESET.
build() {
    say "building ($1)"
    (cd "$root" && cmake --preset "$1" >/dev/null && cmake --build --preset "$1")
}
