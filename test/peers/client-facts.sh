#!/usr/bin/env bash
# Settings and errors of the client library against those of Apache Kafka's clients:
#
#   client-facts.sh BUILD           what its classes say now
#   client-facts.sh --write         makes the golden of test/golden/client anew
#
# BUILD is a Meson build directory. Needs a JDK 17; apache-kafka (here) brings the classes.
# KAFKA_CLASSPATH overrides where they are.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
(($# > 0)) || { sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2; }
classpath=${KAFKA_CLASSPATH:-$("$here/apache-kafka" classpath)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
javac -d "$work" -cp "$classpath" "$here/java/ClientFacts.java"
java -cp "$work:$classpath" ClientFacts | grep -E '^(setting|method|error) ' > "$work/facts.txt"

if [[ $1 == --write ]]; then
    cp "$work/facts.txt" "$here/../golden/client/facts.txt"
else
    "$1/test/golden/test_client_golden" "$work/facts.txt"
fi
