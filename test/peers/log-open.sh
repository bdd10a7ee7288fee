#!/usr/bin/env bash
# Partition directories that Apache Kafka wrote, opened by ottla, written to, and opened by Apache
# Kafka again: after a clean stop and after kill -9 (indexes preallocated and full of zeros).
#
#   log-open.sh BUILD [PORT]
#
# BUILD is a Meson build directory. APACHE_KAFKA overrides the script that brings Apache Kafka.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
kafka=${APACHE_KAFKA:-$here/apache-kafka}
(($# > 0)) || { sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2; }
build=$1 port=${2:-29492}
at=127.0.0.1:$port
trap '"$kafka" down "$port" > /dev/null 2>&1 || true' EXIT

fail() { echo "log-open: $1" >&2; exit 1; }

produce() { # records, property...
    local count=$1; shift
    "$kafka" kafka-producer-perf-test --topic t --num-records "$count" --record-size 300 \
        --throughput -1 --producer-props bootstrap.servers="$at" batch.size=8000 "$@" > /dev/null
}

ends() { "$kafka" kafka-get-offsets --bootstrap-server "$at" --topic t | cut -d: -f2,3; }

recovery_point() { # dir partition
    awk -v p="$2" '$1 == "t" && $2 == p { print $3; found = 1 } END { if (!found) print 0 }' \
        "$1/recovery-point-offset-checkpoint"
}

open_all() { # clean|killed [records to append]: every partition has what Kafka said
    local data; data=$("$kafka" dir "$port")
    local p end line
    while IFS=: read -r p end; do
        line=$("$build/test/compat/log_open" "$data/t-$p" "$(recovery_point "$data" "$p")" "$@")
        read -r start got records _ scanned cut _ <<< "$line"
        [[ $got == "$end" && $records == $((end - start)) && $cut == 0 ]] ||
            fail "t-$p ends at $end, ottla found: $line"
        [[ $1 == killed || $scanned == 0 ]] || fail "t-$p was scanned after a clean stop"
        echo "log-open: t-$p $1: $records records, $scanned bytes scanned"
    done <<< "$known"
}

again() { # records that each partition gained
    local p end want=
    "$kafka" again "$port" > /dev/null
    while IFS=: read -r p end; do
        want+="$p:$((end + $1))"$'\n'
    done <<< "$known"
    known=$(ends)
    [[ $known == "${want%$'\n'}" ]] || fail "Apache Kafka sees $known, not $want"
    local total; total=$(awk -F: '{ n += $2 } END { print n }' <<< "$known")
    "$kafka" kafka-console-consumer --bootstrap-server "$at" --topic t --from-beginning \
        --max-messages "$total" --timeout-ms 30000 2> /dev/null | wc -l | grep -qx "$total" ||
        fail "Apache Kafka does not serve all $total records"
}

"$kafka" up "$port" log.segment.bytes=1048576 > /dev/null
"$kafka" kafka-topics --bootstrap-server "$at" --create --topic t --partitions 3 > /dev/null
produce 30000 compression.type=lz4
produce 5000 acks=1 enable.idempotence=false
known=$(ends)
"$kafka" kill "$port"
open_all killed 1000
again 1000
produce 5000 compression.type=zstd
known=$(ends)
"$kafka" stop "$port"
open_all clean 500
again 500
echo "log-open: fine"
