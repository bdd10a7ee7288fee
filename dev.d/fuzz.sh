# shellcheck shell=bash
# libFuzzer on the targets of test/fuzz. Sourced by ../dev and by test.sh.
#
# What a target finds goes to .fuzz/TARGET/ (found inputs) and stays on this machine; an input worth keeping for
# everybody is moved to test/fuzz/corpus/TARGET/, which every build replays as a test.

fuzz_targets() { find test/fuzz -name 'fuzz_*.c' 2>/dev/null | sed 's|.*/fuzz_||; s|\.c$||' | sort; }

fuzz_build() {
    [[ $(fuzz_targets) ]] || return 0
    CC=clang compile build-fuzz debugoptimized -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false
}

# fuzz_run TARGET SECONDS
fuzz_run() {
    local -a seeds=()
    mkdir -p ".fuzz/$1"
    [[ -d test/fuzz/corpus/$1 ]] && seeds=("test/fuzz/corpus/$1")
    "build-fuzz/test/fuzz/fuzz_$1" -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix=".fuzz/$1-" ".fuzz/$1" "${seeds[@]}"
}

fuzz_one() {
    packages test
    if [[ ! -f test/fuzz/fuzz_${1-}.c ]]; then
        say targets "$(fuzz_targets | tr '\n' ' ')"
        die "which one? ./dev fuzz TARGET [seconds]"
    fi
    fuzz_build
    fuzz_run "$1" "${2:-60}"
}
