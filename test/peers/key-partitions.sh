#!/usr/bin/env bash
# The partitions of 100,000 keys of random bytes, by Apache Kafka's own class and by libottla:
#
#   key-partitions.sh BUILD [SEED]
#
# Needs a JDK 17; apache-kafka (here) brings the classes. KAFKA_CLASSPATH overrides where they are.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
(($# > 0)) || { sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 2; }
classpath=${KAFKA_CLASSPATH:-$("$here/apache-kafka" classpath)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
seed=${2:-$RANDOM}
echo "key-partitions: seed $seed"
javac -d "$work" -cp "$classpath" "$here/java/KeyPartitions.java"
java -cp "$work:$classpath" KeyPartitions "$seed" 100000 | "$1/test/compat/key_partitions"
