# shellcheck shell=bash
# Meson and Ninja behind one line. Sourced by ../dev.

BINARY=build/src/ottla

# release FOR: the build that people run. A warning of a compiler that we have not met must not stop them.
release() {
    packages "$1"
    compile build release -Dwerror=false
    [[ -x $BINARY ]] || die "this tree builds no $BINARY yet: there is no broker to run"
}

# compile DIR TYPE [MESON OPTION...]: configures DIR as asked, builds it; dies with the compiler's words.
# CC is the compiler of a new DIR.
compile() {
    local dir=$1 log=$1/dev.log
    local -a options=("-Dbuildtype=$2" "${@:3}")
    mkdir -p "$dir"
    if ! configure "$dir" "${options[@]}" >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        die "meson could not configure $dir; all of it is in $log"
    fi
    if ! ninja -C "$dir" -j "$JOBS" 2>&1 | tee "$log" | meter build; then
        grep -vE '^\[[0-9]+/[0-9]+\]|^ninja: Entering' "$log" | head -n 60 >&2
        die "the build in $dir failed; all of it is in $log"
    fi
}

# Touches nothing when DIR is already configured with these options.
configure() {
    local dir=$1 stamp=$1/dev.options
    shift
    if [[ ! -f $dir/build.ninja ]]; then
        meson setup "$dir" "$@"
    elif [[ ! -f $stamp || $(<"$stamp") != "$*" ]]; then
        meson configure "$dir" "$@"
    fi && echo "$*" >"$stamp"
}

# Every C source and header of ours
sources() { git ls-files -co --exclude-standard -- '*.c' '*.h'; }

# llvm_tool clang-format: its name here in version 14. What these tools say differs between versions, so one decides.
llvm_tool() {
    local tool
    for tool in "$1-14" "$1"; do
        if [[ $("$tool" --version 2>/dev/null) == *"version 14."* ]]; then
            echo "$tool"
            return 0
        fi
    done
    echo "note: not checked: $1 14 is not here"
    return 1
}
