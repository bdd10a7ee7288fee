# shellcheck shell=bash
# Words to people, Debian packages. Sourced by ../dev, which stands in the top folder.

JOBS=${JOBS:-$(nproc)}
TTY=
[[ -t 1 ]] && TTY=1
WIDTH=$(($(tput cols 2>/dev/null || echo 80) - 13))
# A clone may belong to somebody else than who tests it.
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0=$PWD
DISTRO=$(. /etc/os-release 2>/dev/null && echo "${ID-}-${VERSION_ID-}")
export KCAT=kcat # its name, of the package too
[[ $DISTRO != ubuntu-22.04 ]] || KCAT=kafkacat
B='' R='' RED=''
if [[ $TTY && -z ${NO_COLOR-} ]]; then
    B=$'\e[1m' R=$'\e[0m' RED=$'\e[31m'
fi

# say WHAT TEXT: one line, the verb in a column of its own
say() { printf '  %s%-9s%s%s\n' "$B" "$1" "$R" "$2"; }

die() {
    printf '  %s%-9s%s%s\n' "$RED" error "$R" "$*" >&2
    exit 1
}

# Progress: one line of the terminal (descriptor 4, so that a caller may redirect 1) that is written over and wiped.
exec 4>&1
show() { [[ ! $TTY ]] || printf '\r\e[K  %s%-9s%s%s' "$B" "$1" "$R" "${2:0:WIDTH}" >&4; }
hide() { [[ ! $TTY ]] || printf '\r\e[K' >&4; }

# meter WHAT: shows the last line of its input while it comes
meter() {
    local line
    while IFS= read -r line; do show "$1" "$line"; done
    hide
}

# program WHAT FILE ARGS...: runs a program of the tree, or says that it is not there yet
program() {
    local what=$1 file=$2
    shift 2
    [[ -x $file ]] || die "$what: $file is not in this tree yet"
    exec "$file" "$@"
}

# The packages of Debian 12, 13 and Ubuntu 22.04, 24.04, by what they are for
package_names() {
    case $1 in
        build)
            echo gcc libc6-dev meson ninja-build pkg-config python3 \
                libisal-dev zlib1g-dev libdeflate-dev liblz4-dev libzstd-dev libsnappy-dev libjansson-dev \
                libmicrohttpd-dev libssl-dev libcurl4-openssl-dev
            ;;
        up) package_names build && echo "$KCAT" ;;
        lint)
            echo binutils git shellcheck
            [[ $DISTRO == debian-13 ]] || echo clang-format-14 clang-tidy-14
            ;;
        check) package_names build && package_names lint && echo libcmocka-dev ;;
        valgrind) package_names test && echo valgrind ;;
        test)
            package_names up && package_names check && echo clang g++ llvm librdkafka-dev valgrind zsh fish
            # libFuzzer; Ubuntu 22.04 has it in clang itself
            [[ $DISTRO == ubuntu-22.04 ]] || echo libclang-rt-dev
            ;;
    esac
}

# packages FOR: installs those that are missing; silent when none is
packages() {
    local -a want missing root=()
    mapfile -t want < <(package_names "$1" | tr ' ' '\n' | awk '!seen[$0]++')
    command -v dpkg-query >/dev/null ||
        die "this is no Debian or Ubuntu; install by hand what these packages hold: ${want[*]}"
    mapfile -t missing < <(not_installed "${want[@]}")
    ((${#missing[@]})) || return 0
    if ((EUID)); then
        command -v sudo >/dev/null ||
            die "packages are missing and there is neither root nor sudo; as root: apt-get install ${missing[*]}"
        root=(sudo)
    fi
    say install "${missing[*]}"
    apt install -y --no-install-recommends "${missing[@]}" ||
        { apt update && apt install -y --no-install-recommends "${missing[@]}"; } ||
        die "apt-get failed: $(grep -m1 '^E:' "$apt_log" || tail -n1 "$apt_log")"
    rm -f "$apt_log"
}

not_installed() {
    dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
        awk -v want="$*" '$1 == "installed" { have[$2] = 1 }
            END { n = split(want, w, " "); for (i = 1; i <= n; i++) if (!(w[i] in have)) print w[i] }'
}

# apt VERB...: apt-get, quiet; what it said is in $apt_log. $root is sudo or nothing.
apt() {
    apt_log=${apt_log:-$(mktemp)}
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -q -o DPkg::Lock::Timeout=300 "$@" </dev/null >"$apt_log" 2>&1
}
