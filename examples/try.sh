#!/bin/sh
# try.sh DIR: runs the examples that were built in DIR against $BROKER and looks at what they say.
# TXN=1: the broker has transactions, too.
set -eu
cd "$1"

same() {
    [ "$1" = "$2" ] || { printf 'expected:\n%s\ngot:\n%s\n' "$1" "$2" >&2 && exit 1; }
}

lines=$(printf 'a:1\nb:2\na:3\nno key\n' | ./first_producer "$BROKER" numbers | wc -l)
same 4 $((lines))

same "" "$(./lag_reader "$BROKER" readers)"
same "1
2
3
no key" "$(./first_consumer "$BROKER" readers numbers 4 2>/dev/null | sed 's/.*: //' | sort)"
printf 'a:4\n' | ./first_producer "$BROKER" numbers >/dev/null
same 1 "$(./lag_reader "$BROKER" readers | awk '{ sum += $2 } END { print sum }')"

partitions=$(./custom_partitioner "$BROKER" customers)
same "vip-1: partition 0
vip-2: partition 0" "$(echo "$partitions" | grep vip)"
same "" "$(echo "$partitions" | grep -v vip | grep 'partition 0' || true)"

if [ "${TXN-0}" = 1 ]; then
    ./copy_loop "$BROKER" numbers copies copier 5
    same 5 "$(./first_consumer "$BROKER" others copies 5 2>/dev/null | wc -l)"
fi
