#!/usr/bin/env bash
# Logs that ottla wrote, read by Apache Kafka's kafka-dump-log: every batch valid, index rows that
# match the log, sane index files, producer snapshots and aborted transactions that decode.
#
#   log-dump.sh BUILD
#
# BUILD is a Meson build directory. APACHE_KAFKA overrides the script that brings Apache Kafka.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
kafka=${APACHE_KAFKA:-$here/apache-kafka}
(($# == 1)) || { sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2; }
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

files() { # dir suffixes: a comma-separated list
    find "$1" -type f | grep -E "\.($2)$" | sort | paste -sd,
}

dump() { "$kafka" kafka-dump-log "$@" 2>&1; }

fail() { echo "log-dump: $1: $2" >&2; exit 1; }

check_log() { # name records
    dump --deep-iteration --files "$(files "$work/$1" log)" > "$work/out"
    ! grep -q 'isvalid: false\|rror\|xception' "$work/out" || fail "$1" "a batch is not valid"
    # records of compressed batches are listed one by one; control records too
    local got; got=$(grep -c '^| offset' "$work/out")
    [[ $got == "$2" ]] || fail "$1" "$got records, wrote $2"
}

check_indexes() { # name
    local rows; rows=$(files "$work/$1" 'index|timeindex')
    dump --index-sanity-check --files "$rows" > "$work/out"
    local want got
    want=$(tr ',' '\n' <<< "$rows" | wc -l)
    got=$(grep -c 'passed sanity check' "$work/out")
    [[ $got == "$want" ]] || { cat "$work/out"; fail "$1" "$got of $want index files are sane"; }
    dump --verify-index-only --files "$rows" > "$work/out"
    ! grep -qi 'mismatch\|Found\|rror\|xception' "$work/out" || { cat "$work/out"; fail "$1" "index rows differ from the log"; }
}

check_state() { # name
    dump --files "$(files "$work/$1" 'snapshot|txnindex')" > "$work/out"
    ! grep -q 'rror\|xception\|orrupt' "$work/out" || { cat "$work/out"; fail "$1" "a snapshot or txnindex does not decode"; }
}

"$build/test/compat/log_write" "$work" > "$work/written"
while read -r name records _; do
    check_log "$name" "$records"
    check_indexes "$name"
    check_state "$name"
    echo "log-dump: $name: $records records, fine"
done < "$work/written"
grep -q '^version: 0 producerId' "$work/out" || fail transactions-0 "no aborted transaction was listed"
