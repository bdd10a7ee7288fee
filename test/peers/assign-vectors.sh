#!/usr/bin/env bash
# Assignors of groups against Apache Kafka's own classes:
#
#   assign-vectors.sh BUILD [SEED]  fresh random groups
#   assign-vectors.sh --write       makes the golden of test/golden/assign anew (seed 1)
#
# BUILD is a Meson build directory. Needs a JDK 17; apache-kafka (here) brings the classes.
# KAFKA_CLASSPATH overrides where they are.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")

groups() { # seed count file; what the classes log is in between
    java -cp "$work:$classpath" AssignVectors "$1" "$2" | grep -E '^(case|node|topic|member|gets|end)' | gzip -9nc > "$3"
}

(($# > 0)) || { sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2; }
classpath=${KAFKA_CLASSPATH:-$("$here/apache-kafka" classpath)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
javac -nowarn -Xlint:-removal -d "$work" -cp "$classpath" "$here/java/AssignVectors.java"

if [[ $1 == --write ]]; then
    groups 1 240 "$here/../golden/assign/groups.txt.gz"
    exit
fi

seed=${2:-$RANDOM}
echo "assign-vectors: seed $seed"
groups "$seed" 2000 "$work/groups.txt.gz"
"$1/test/golden/test_assign_golden" "$work/groups.txt.gz"
