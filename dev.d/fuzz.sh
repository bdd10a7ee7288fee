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

# fuzz_run TARGET SECONDS. libFuzzer's entropic schedule walks a list for each feature of each run, and a broker has
# thousands: it took six of seven cycles. FUZZ_KEEP: a broker lives for many inputs, so the last alone may not break it;
# these, in their order, do: build-fuzz/test/fuzz/fuzz_broker .fuzz/broker-life/*
fuzz_run() {
    local -a seeds=() options=()
    if [[ $1 == broker ]]; then
        options=(-entropic=0 -detect_leaks=0)
        mkdir -p .fuzz/broker-life
        export FUZZ_COUNT=1 FUZZ_KEEP=.fuzz/broker-life
    fi
    mkdir -p ".fuzz/$1"
    [[ -d test/fuzz/corpus/$1 ]] && seeds=("test/fuzz/corpus/$1")
    "build-fuzz/test/fuzz/fuzz_$1" -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 "${options[@]}" \
        -artifact_prefix=".fuzz/$1-" ".fuzz/$1" "${seeds[@]}"
}

fuzz_one() {
    packages test
    if [[ ! -f test/fuzz/fuzz_${1-}.c ]]; then
        say targets "$(fuzz_targets | tr '\n' ' ')"
        die "which one? ./dev fuzz TARGET [seconds]"
    fi
    fuzz_build
    mkdir -p .fuzz
    set +e
    fuzz_run "$1" "${2:-60}" 2>&1 | tee ".fuzz/$1.out"
    local verdict=${PIPESTATUS[0]}
    set -e
    ((verdict)) || dev.d/fuzz_record.py "$1" ".fuzz/$1.out" test/RECORD.md
    return "$verdict"
}
