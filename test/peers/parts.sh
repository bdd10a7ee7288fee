#!/usr/bin/env bash
# Parts of ottla, without a broker, against Apache Kafka's own classes and tools: messages, record
# batches, logs that ottla wrote, logs that Apache Kafka wrote.
#
#   parts.sh [PART...]      wire-vectors, record-vectors, assign-vectors, client-facts, key-partitions, log-dump, log-open; all of them by default
#
# BUILD is the Meson build directory, build/ if not set. The last line is "N passed, N failed".
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
build=${BUILD:-$here/../../build}
(($# > 0)) || set -- wire-vectors record-vectors assign-vectors client-facts key-partitions log-dump log-open
passed=0 failed=0
for part in "$@"; do
    if "$here/$part.sh" "$build"; then
        passed=$((passed + 1))
        echo "ok $((passed + failed)) - $part"
    else
        failed=$((failed + 1))
        echo "not ok $((passed + failed)) - $part"
    fi
done
echo "$passed passed, $failed failed"
((failed == 0))
