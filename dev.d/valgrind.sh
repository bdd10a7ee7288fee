# shellcheck shell=bash
# The client and its tools under valgrind's memcheck. Sourced by ../dev and by test.sh.
#
# "Definitely lost" is an error, "possibly lost" is not: what codecs keep for each thread is aligned by them, so that
# valgrind sees pointers to its inside only.

VALGRIND=(valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite --show-leak-kinds=definite
    --suppressions="$PWD/dev.d/valgrind.supp")
VALGRIND_QUICK=(cli_records client_accumulator client_auth client_config client_core client_fork client_future
    client_host client_member client_producer client_records client_several client_sizes client_txn testkit)
VALGRIND_LONG=(base cli_forms cli_parsers client_group client_member_848 client_member_sim client_order client_txn_world
    net_conn net_ends net_memory net_posix net_replies net_tls record sasl testkit_parts wire)
VALGRIND_E2E=(test_client_admin test_client_network test_client_records)

# valgrind_some DIR: a share that fits into CI; verdicts on descriptor 3
valgrind_some() {
    valgrind_units "$1" "${VALGRIND_QUICK[@]}"
    valgrind_one "$1" examples valgrind_examples "$1"
}

valgrind_all() {
    packages test
    compile build-test debugoptimized
    VERDICTS=$(mktemp)
    trap 'rm -f "$VERDICTS"' EXIT
    {
        valgrind_some build-test
        valgrind_units build-test "${VALGRIND_LONG[@]}"
        local suite
        for suite in "${VALGRIND_E2E[@]}"; do valgrind_one build-test "$suite" valgrind_e2e build-test "$suite"; done
    } 3>"$VERDICTS"
    local passed failed
    read -r passed failed _ < <(dev.d/cases.py --sum "$VERDICTS")
    echo "$passed passed, $failed failed"
    ((failed == 0))
}

# valgrind_units DIR NAME...: two at a time
valgrind_units() {
    local dir=$1 name
    shift
    export -f valgrind_run
    printf '%s\n' "$@" | xargs -P "$JOBS" -I{} bash -c 'valgrind_run "$@"' - "$dir" {} "${VALGRIND[@]}" >&3 || true
    for name in "$@"; do [[ ! -s $dir/valgrind-$name.log ]] || tail -n 60 "$dir/valgrind-$name.log"; done
}

# valgrind_run DIR NAME VALGRIND...: a verdict; the log stays only if it failed
valgrind_run() {
    local dir=$1 name=$2 log=$1/valgrind-$2.log
    shift 2
    if "$@" "$dir/test/unit/test_$name" >"$log" 2>&1; then
        echo "ok valgrind/$name"
        rm -f "$log"
    else
        echo "not ok valgrind/$name"
    fi
}

# valgrind_one DIR NAME COMMAND...
valgrind_one() {
    local log=$1/valgrind-$2.log name=$2
    shift 2
    if "$@" >"$log" 2>&1; then
        echo "ok valgrind/$name" >&3
        rm -f "$log"
    else
        echo "not ok valgrind/$name" >&3
        tail -n 60 "$log"
    fi
}

# The broker in the process is watched as well.
valgrind_examples() {
    "${VALGRIND[@]}" --trace-children=yes --trace-children-skip='*/sh,*/dash,*/awk,*/mawk,*/sed,*/grep,*/sort,*/wc' \
        "$1/examples/with_broker" "$PWD/examples/try.sh" "$PWD/$1/examples"
}

# valgrind_e2e DIR SUITE: libottla's programs, on a broker that is not watched
valgrind_e2e() {
    local dir=$1 program wrapped
    wrapped=$(mktemp -d)
    for program in client_admin client_group client_records; do
        printf '#!/bin/sh\nexec %s "%s" "$@"\n' "${VALGRIND[*]}" "$PWD/$dir/test/e2e/$program" >"$wrapped/$program"
        chmod +x "$wrapped/$program"
    done
    OTTLA=$PWD/$dir/src/ottla CLIENT_ADMIN=$wrapped/client_admin CLIENT_GROUP=$wrapped/client_group \
        CLIENT_RECORDS=$wrapped/client_records python3 test/e2e/harness.py "$2"
    local rc=$?
    rm -rf "$wrapped"
    return $rc
}
