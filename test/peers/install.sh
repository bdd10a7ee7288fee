#!/usr/bin/env bash
# Brings one peer into the cache (${OTTLA_PEERS:-$HOME/.cache/ottla-peers}), by version, and builds
# the small program that drives it. Does nothing where it is already there.
#
#   install.sh java [VERSION]           needs Java 17 and Maven
#   install.sh kafka-python [VERSION]   needs Python 3 with venv
#   install.sh confluent [VERSION]      needs Python 3 with venv
#   install.sh franz-go                 needs Go
#   install.sh kafkajs                  needs Node.js with npm
#   install.sh kcat                     Debian's kcat
#   install.sh libottla                 this project's own, which the build makes
#   install.sh suite NAME               the tests of librdkafka (needs a C and a C++ compiler), franz-go (needs Go),
#                                       kafka-python or rskafka (needs Rust)
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
peers=${OTTLA_PEERS:-$HOME/.cache/ottla-peers}

need() { command -v "$1" >/dev/null || { echo "install.sh: $2 needs $1" >&2; exit 1; }; }

java_clients() { # version
    local dir=$peers/java-clients-$1
    need javac "java clients"
    if [ ! -f "$dir/.complete" ]; then
        need mvn "java clients"
        mkdir -p "$dir/libs"
        mvn -q -B -f "$here/java/pom.xml" -Dkafka.version="$1" \
            dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$dir/libs" >&2
        touch "$dir/.complete"
    fi
    if [ ! "$dir/classes/Peer.class" -nt "$here/java/Peer.java" ]; then
        javac -nowarn -Xlint:-options -cp "$dir/libs/*" -d "$dir/classes" "$here/java/Peer.java"
    fi
}

venv() { # dir requirement...
    local dir=$1; shift
    [ -f "$dir/.complete" ] && return
    need python3 "$dir"
    rm -rf "$dir"
    "${PYTHON:-python3}" -m venv "$dir"
    "$dir/bin/pip" install -q "$@" >&2
    touch "$dir/.complete"
}

kafkajs() {
    local dir=$peers/kafkajs
    need npm kafkajs
    cmp -s "$here/node/package.json" "$dir/package.json" && [ -f "$dir/.complete" ] && return
    rm -rf "$dir"
    mkdir -p "$dir"
    cp "$here/node/package.json" "$dir/"
    (cd "$dir" && npm install --silent --no-audit --no-fund >&2)
    touch "$dir/.complete"
}

franz_go() {
    need go franz-go
    mkdir -p "$peers/franz-go"
    (cd "$here/go" && go build -o "$peers/franz-go/peer" .)
}

# Its sources, tests with them, are in the package of its binding for Rust.
suite_librdkafka() {
    local dir=$peers/suite-librdkafka version=4.10.0+2.12.1
    [ -f "$dir/.complete" ] && return
    need g++ "librdkafka's tests"
    rm -rf "$dir"
    mkdir -p "$dir"
    curl -fsSL "https://static.crates.io/crates/rdkafka-sys/rdkafka-sys-$version.crate" |
        tar xz -C "$dir" --strip-components=2 "rdkafka-sys-$version/librdkafka"
    (cd "$dir" && ./configure --disable-gssapi --disable-curl --disable-syslog && make -j"$(nproc)" libs &&
        make -j"$(nproc)" -C tests test-runner) >"$dir/build.log" 2>&1 ||
        { tail -20 "$dir/build.log" >&2; return 1; }
    touch "$dir/.complete"
}

# Go's modules carry their tests; they run beside their sources, which they read.
suite_franz_go() {
    local dir=$peers/suite-franz-go version=v1.22.2 admin=v1.19.0 module=github.com/twmb/franz-go
    [ -f "$dir/.complete" ] && return
    need go "franz-go's tests"
    rm -rf "$dir"
    mkdir -p "$dir"
    (cd "$dir" && go mod download $module@$version $module/pkg/kadm@$admin)
    cp -r "$(go env GOMODCACHE)/$module@$version/." "$dir/module"
    cp -r "$(go env GOMODCACHE)/$module/pkg/kadm@$admin" "$dir/kadm"
    chmod -R u+w "$dir"
    ln -s module/pkg/kgo "$dir/kgo"
    (cd -P "$dir/kgo" && go test -c -o "$dir/kgo.test" . && cd "$dir/kadm" && go test -c -o "$dir/kadm.test" .) >&2
    touch "$dir/.complete"
}

# Its archive lacks one file of the tests: who starts nothing has to be told only where the broker is.
suite_kafka_python() {
    local dir=$peers/suite-kafka-python version=3.0.12
    [ -f "$dir/.complete" ] && return
    rm -rf "$dir"
    mkdir -p "$dir/tests"
    python3 -m venv "$dir/venv"
    "$dir/venv/bin/pip" install -q pytest pytest-timeout pytest-mock "kafka-python==$version" python-snappy lz4 zstandard >&2
    "$dir/venv/bin/pip" download -q --no-deps --no-binary :all: -d "$dir" "kafka-python==$version" >&2
    tar xzf "$dir/kafka_python-$version.tar.gz" -C "$dir/tests" --strip-components=1 "kafka_python-$version/test"
    touch "$dir/tests/test/__init__.py"
    cat >"$dir/tests/test/service.py" <<'END'
class ExternalService:
    def __init__(self, host, port):
        self.host, self.port = host, port

    def open(self):
        pass

    def close(self):
        pass


class SpawnedService:
    pass
END
    touch "$dir/.complete"
}

suite_rskafka() {
    local dir=$peers/suite-rskafka version=0.6.0
    [ -f "$dir/.complete" ] && return
    need cargo "rskafka's tests"
    rm -rf "$dir"
    mkdir -p "$dir"
    curl -fsSL "https://static.crates.io/crates/rskafka/rskafka-$version.crate" | tar xz -C "$dir" --strip-components=1
    rm -f "$dir/rust-toolchain.toml" # the one that is here will do; an older rsasl is not for it
    (cd "$dir" && cargo update -q -p rsasl && cargo test -q --no-run) >"$dir/build.log" 2>&1 ||
        { tail -20 "$dir/build.log" >&2; return 1; }
    touch "$dir/.complete"
}

case ${1:-} in
    suite)
        case ${2:-} in
            librdkafka) suite_librdkafka ;;
            franz-go) suite_franz_go ;;
            kafka-python) suite_kafka_python ;;
            rskafka) suite_rskafka ;;
            *) echo "install.sh: no suite ${2:-}; there are librdkafka, franz-go, kafka-python, rskafka" >&2; exit 2 ;;
        esac
        ;;
    java) java_clients "${2:-4.3.1}" ;;
    kafka-python) venv "$peers/kafka-python-${2:-3.0.12}" "kafka-python==${2:-3.0.12}" python-snappy lz4 zstandard ;;
    confluent) venv "$peers/confluent-${2:-2.16.1}" "confluent-kafka==${2:-2.16.1}" ;;
    franz-go) franz_go ;;
    kafkajs) kafkajs ;;
    kcat) command -v kcat >/dev/null || apt-get install -y kcat >&2 ;;
    libottla) [ -x "${CLIENT_GROUP:-$here/../../build/test/e2e/client_group}" ] || ninja -C "$here/../../build" >&2 ;;
    *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
