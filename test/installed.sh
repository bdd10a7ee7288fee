#!/bin/sh
# installed.sh BUILD SOURCE: installs into a temporary folder and builds the examples as a stranger would, from what is
# there and pkg-config says of it, and nothing else: with the shared libraries, then with the static ones, by hand and, where
# there is CMake, as a project of its; then runs them. A program that loads the library as a plugin lets go of it again.
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
warnings="-Wall -Wextra -Wpedantic -Werror"

# compile INTO FLAGS...: all examples
compile() {
    into=$1
    shift
    mkdir "$into"
    for name in copy_loop custom_partitioner first_consumer first_producer lag_reader with_broker test_suite; do
        package=ottla
        case $name in with_broker | test_suite) package=ottla-test ;; esac
        # shellcheck disable=SC2046,SC2086 # words
        ${CC:-cc} -std=c11 $warnings -o "$into/$name" "$examples/$name.c" $(pkg-config --cflags "$@" --libs $package)
    done
    if command -v g++ >/dev/null; then
        # shellcheck disable=SC2046,SC2086
        g++ -std=c++17 $warnings -o "$into/in_cpp" "$examples/in_cpp.cc" $(pkg-config --cflags "$@" --libs ottla)
    else
        echo "no g++: no program in C++"
    fi
}

# run DIR: what compile has made
run() {
    "$1/with_broker" "$source/examples/try.sh" "$1"
    "$1/test_suite"
    if [ -x "$1/in_cpp" ]; then
        # shellcheck disable=SC2016 # the shell within
        [ "$("$1/with_broker" sh -c '"$0" "$BROKER" words hello world' "$1/in_cpp")" = "hello
world" ]
    fi
}

# project INTO OPTIONS...: the examples' project of CMake, with its tests
project() {
    into=$1
    shift
    if ! command -v cmake >/dev/null || ! command -v g++ >/dev/null; then
        echo "no cmake (Debian package cmake) or g++: no project of CMake"
        return
    fi
    cp -r "$examples" "$into.source"
    if ! (cmake -S "$into.source/cmake" -B "$into" "$@" && cmake --build "$into") >"$into.log" 2>&1; then
        cat "$into.log"
        exit 1
    fi
    (cd "$into" && ctest --output-on-failure)
}

export LD_LIBRARY_PATH="$libs"
compile "$root/shared"
run "$root/shared"
project "$root/cmake"
# shellcheck disable=SC2046,SC2086
${CC:-cc} -std=c11 $warnings -o "$root/unload" "$source/test/stranger/unload.c" $(pkg-config --cflags ottla) -ldl -pthread
# shellcheck disable=SC2016
"$root/shared/with_broker" sh -c '"$0" "$1" "$BROKER" plugged' "$root/unload" "$libs/libottla.so"

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
run "$root/static"
project "$root/cmake-static" -DOTTLA_STATIC=ON
