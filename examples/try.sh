#!/bin/sh
# try.sh DIR: runs the examples that were built in DIR against $BROKER and looks at what they say.
set -eu
cd "$1"

same() {
    [ "$1" = "$2" ] || { printf 'expected:\n%s\ngot:\n%s\n' "$1" "$2" >&2 && exit 1; }
}

lines=$(printf 'a:1\nb:2\na:3\nno key\n' | ./first_producer "$BROKER" numbers | wc -l)
same 4 $((lines))
same "" "$(./lag_reader "$BROKER" nobody)"
