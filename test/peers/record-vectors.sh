#!/usr/bin/env bash
# Record batches against Apache Kafka's own classes, both ways:
#
#   record-vectors.sh BUILD [SEED]  fresh random batches: Kafka's read by ottla, ottla's (every codec
#                                   and level) by Kafka; and the answers to broken batches
#   record-vectors.sh --write       makes the goldens of test/golden/record anew (seed 1)
#
# BUILD is a Meson build directory. Needs a JDK 17; apache-kafka (here) brings the classes.
# KAFKA_CLASSPATH overrides where they are.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")

vectors() { # class args...
    local class=$1; shift
    java -cp "$work:$classpath" "$class" "$@"
}

make_all() { # seed dir
    vectors BatchVectors write "$1" "$2"
    vectors ValidateVectors "$work/validate.txt"
    zstd -q -19 -f "$work/validate.txt" -o "$2/validate.txt.zst"
}

(($# > 0)) || { sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 2; }
classpath=${KAFKA_CLASSPATH:-$("$here/apache-kafka" classpath)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
javac -d "$work" -cp "$classpath" "$here/java/BatchVectors.java" "$here/java/ValidateVectors.java"

if [[ $1 == --write ]]; then
    make_all 1 "$here/../golden/record"
    exit
fi

build=$1 seed=${2:-$RANDOM}
echo "record-vectors: seed $seed"
mkdir "$work/kafka"
make_all "$seed" "$work/kafka"
"$build/test/golden/test_record_golden" "$work/kafka"
"$build/test/golden/test_validate_golden" "$work/kafka"
"$build/test/compat/record_vectors" "$seed" "$work/ottla.bin" > "$work/ottla.txt"
vectors BatchVectors dump "$work/ottla.bin" > "$work/kafka.txt"
diff "$work/ottla.txt" "$work/kafka.txt"
echo "Apache Kafka reads our $(grep -c ^batch "$work/kafka.txt") batches"
