#!/bin/sh
# archive.sh OUT.a IN.a...: all members of the archives as one object with no global names but ottla_*.
set -e
out=$1
shift
object=${out%.a}.o
${LD:-ld} -r -o "$object" --whole-archive "$@"
${OBJCOPY:-objcopy} --wildcard --keep-global-symbol='ottla_*' "$object"
rm -f "$out"
${AR:-ar} rcsD "$out" "$object"
rm -f "$object"
