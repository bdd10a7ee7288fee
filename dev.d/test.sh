# shellcheck shell=bash
# Every test in every build, added up. Sourced by ../dev.
#
# A stage writes its verdicts ("ok program/case") to a file of its own; a case that runs in several builds counts once
# and must pass in all of them.

export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
FUZZ_SECONDS=${FUZZ_SECONDS:-5}
INTEROP_SECONDS=${INTEROP_SECONDS:-150}

test_all() {
    packages test
    RESULTS=$(mktemp -d)
    trap 'rm -rf "$RESULTS"' EXIT
    stage check checks
    CC=gcc stage gcc suites build-test
    CC=clang stage clang suites build-clang
    CC=gcc stage asan suites build-asan -Db_sanitize=address,undefined
    CC=gcc stage tsan suites build-tsan -Db_sanitize=thread
    stage valgrind valgrind_share
    stage fuzz fuzz_all
    [[ ! ${CI-} ]] || stage interop interop_some
    sum_up
}

# stage NAME COMMAND...: the command prints verdicts on descriptor 3 and what a person wants to see of failures on 1
stage() {
    local name=$1 start=$SECONDS passed failed skipped
    shift
    ("$@") 3>"$RESULTS/$name" >"$RESULTS/$name.out" || echo "not ok stage/$name" >>"$RESULTS/$name"
    hide
    read -r passed failed skipped < <(dev.d/cases.py --sum "$RESULTS/$name")
    say "$name" "$passed passed$( ((failed)) && echo ", $RED$failed failed$R")$( ((skipped)) && echo ", $skipped skipped")  $((SECONDS - start)) s"
    ((failed == 0)) || cat "$RESULTS/$name.out"
}

checks() {
    . dev.d/check.sh
    VERDICTS=$RESULTS/check.steps
    check_steps
    cat "$VERDICTS" >&3
}

# suites DIR MESON-OPTION...: builds DIR and runs what it holds
suites() {
    local dir=$1
    local -a only=()
    shift
    compile "$dir" debugoptimized -Dwerror=true "$@" || return
    # The sanitizers make everything slow: what starts processes stays with the plain builds.
    [[ $dir == build-[at]san ]] && only=(--no-suite e2e)
    rm -f "$dir/meson-logs/testlog.json"
    unshuffled meson test -C "$dir" --no-rebuild --num-processes "$JOBS" --timeout-multiplier 4 "${only[@]}" \
        2>&1 | tee "$dir/dev.log" | meter test || true # the log below tells
    dev.d/cases.py "$dir/meson-logs/testlog.json" >&3
    dev.d/cases.py --tails "$dir/meson-logs/testlog.json"
}

# ThreadSanitizer wants the addresses where it expects them; some kernels shuffle wider than that.
unshuffled() {
    if setarch -R true 2>/dev/null; then setarch -R "$@"; else "$@"; fi
}

valgrind_share() {
    . dev.d/valgrind.sh
    valgrind_some build-test
}

fuzz_all() {
    . dev.d/fuzz.sh
    local target
    fuzz_build || return
    for target in $(fuzz_targets); do
        if fuzz_run "$target" "$FUZZ_SECONDS" >"$RESULTS/fuzz.log" 2>&1; then
            echo "ok fuzz/$target" >&3
        else
            echo "not ok fuzz/$target" >&3
            tail -n 30 "$RESULTS/fuzz.log"
        fi
    done
}

# In CI a few clients of other languages, those that are here or can be brought soon: what is out of reach, or out of
# time, is skipped. All of it: ./dev interop
interop_some() {
    OTTLA=$PWD/build-test/src/ottla timeout -k 20 "$INTEROP_SECONDS" test/peers/interop.py --available 60 \
        --peers java-4.3.1,franz-go,kafka-python-3,confluent,kafkajs --scenes write,read,offsets,auto,append_time \
        >"$RESULTS/interop.log" 2>&1 || true # the log tells
    grep -A3 "^FAILED" "$RESULTS/interop.log" || true
    awk '{ word["ok"] = "ok"; word["FAILED"] = "not ok"; word["skip"] = "skip" }
        $1 in word { print word[$1] " interop/" $2 "/" $3 }
        / passed, .* skipped$/ { whole = 1 }
        END { if (!whole) print "skip interop/the-rest" }' "$RESULTS/interop.log" >&3
}

sum_up() {
    local passed failed
    rm -f "$RESULTS"/*.out "$RESULTS"/*.log "$RESULTS"/*.steps
    read -r passed failed _ < <(dev.d/cases.py --sum "$RESULTS"/*)
    echo "$passed passed, $failed failed"
    ((failed == 0))
}
