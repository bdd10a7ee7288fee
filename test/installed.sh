#!/bin/sh
# installed.sh BUILD SOURCE: installs into a temporary folder and builds the examples as a stranger would, from what is
# there and pkg-config says of it, and nothing else: with the shared libraries, then with the static ones; then runs them.
set -eu
build=$1 source=$2
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
DESTDIR=$root meson install -C "$build" --no-rebuild --quiet

pc=$(dirname "$(find "$root" -name ottla.pc)")
libs=$(dirname "$pc")
bin=$(dirname "$(find "$root" -path '*/bin/ottla')")
examples=$(dirname "$(find "$root" -name first_producer.c)")
find "$root" -path '*/doc/ottla/client-config.md' | grep -q .
unset PKG_CONFIG_PATH
export PKG_CONFIG_LIBDIR="$pc" PKG_CONFIG_SYSROOT_DIR="$root"

# compile INTO FLAGS...: all examples
compile() {
    into=$1
    shift
    mkdir "$into"
    for name in copy_loop custom_partitioner first_consumer first_producer lag_reader with_broker; do
        package=ottla
        [ $name != with_broker ] || package=ottla-test
        # shellcheck disable=SC2046 # words
        ${CC:-cc} -Wall -Wextra -Wpedantic -Werror -o "$into/$name" "$examples/$name.c" $(pkg-config --cflags "$@" --libs $package)
    done
}

compile "$root/shared"
LD_LIBRARY_PATH=$libs "$root/shared/with_broker" "$source/examples/try.sh" "$root/shared"
if command -v g++ >/dev/null; then
    # shellcheck disable=SC2046
    g++ -std=c++17 -Wall -Wextra -Werror -o "$root/shared/cpp" "$source/test/unit/client_header.cc" \
        $(pkg-config --cflags --libs ottla-test)
fi

for name in ottla kafka-topics kafka-topics.sh kafka-console-producer; do
    "$bin/$name" --help >"$root/help" 2>&1
    grep -q ottla "$root/help"
done

rm "$libs"/libottla*.so*
compile "$root/static" --static
if ldd "$root/static/first_producer" "$root/static/with_broker" | grep libottla; then
    echo "they need the shared libraries"
    exit 1
fi
"$root/static/with_broker" "$source/examples/try.sh" "$root/static"
