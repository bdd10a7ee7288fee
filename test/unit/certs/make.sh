#!/bin/sh
# make.sh: makes the certificates of the tests anew, beside itself. They are good from 2020 to 2120; their keys are no
# secret. trust.pem signed server.pem and client.pem, nobody trusts other.pem.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
days="-startdate 20200101000000Z -enddate 21200101000000Z"

cat >"$work/ca.cnf" <<CNF
[ca]
default_ca = own
[own]
database = $work/index
new_certs_dir = $work
rand_serial = yes
default_md = sha256
policy = any
[any]
commonName = supplied
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
[leaf]
basicConstraints = CA:FALSE
subjectAltName = DNS:localhost,DNS:broker.test,IP:127.0.0.1
CNF
: >"$work/index"

key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }
ask() { openssl req -new -key "$1" -subj "/CN=$2" -out "$work/csr"; }
sign() { openssl ca -batch -notext -config "$work/ca.cnf" $days -in "$work/csr" "$@" 2>/dev/null; }

for name in trust other; do
    key "$work/$name.key"
    ask "$work/$name.key" "ottla test $name"
    sign -selfsign -keyfile "$work/$name.key" -extensions root -out $name.pem
done
for name in server client; do
    key $name.key
    ask $name.key $name
    sign -cert trust.pem -keyfile "$work/trust.key" -extensions leaf -out "$work/$name.pem"
    cat "$work/$name.pem" $name.key >$name.pem
done
openssl pkcs8 -topk8 -in client.key -v2 aes-256-cbc -passout pass:secret -out client.enc.key
cat "$work/client.pem" client.enc.key >client.enc.pem
openssl pkcs12 -export -inkey client.key -in "$work/client.pem" -certfile trust.pem -passout pass:secret -out client.p12
openssl pkcs12 -export -nokeys -in trust.pem -passout pass:secret -out trust.p12
rm -f client.enc.key client.key server.key
