#!/usr/bin/env bash
# The wire layer against Apache Kafka's own message classes, both ways:
#
#   wire-vectors.sh BUILD [SEED [COUNT]]  fresh random messages: Kafka's read by ottla, ottla's by Kafka
#   wire-vectors.sh --write               makes the goldens of test/golden/wire anew (seed 1)
#
# BUILD is a Meson build directory. Needs Java 17; apache-kafka (here) brings the classes.
# KAFKA_CLASSPATH overrides where they are.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
golden=$here/../golden/wire/vectors.txt.gz
golden_seed=1 golden_count=6

vectors() { java -cp "$classpath" "$here/java/WireVectors.java" "$@"; }

pack() { vectors make "$1" "$2" | gzip -9n > "$3"; } # seed count file

(($# > 0)) || { sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2; }
classpath=${KAFKA_CLASSPATH:-$("$here/apache-kafka" classpath)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [[ $1 == --write ]]; then
    pack "$golden_seed" "$golden_count" "$golden"
    exit
fi

build=$1 seed=${2:-$RANDOM} count=${3:-20}
echo "wire-vectors: seed $seed, $count of each message and version"
pack "$seed" "$count" "$work/kafka.gz"
"$build/test/golden/test_wire_golden" "$work/kafka.gz"
"$build/test/compat/wire_vectors" "$seed" "$count" > "$work/ottla.txt"
vectors check < "$work/ottla.txt"
