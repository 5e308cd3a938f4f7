#!/usr/bin/env bash
# Makes the certificates of tests/registry_tls.rs anew: an authority, a server on 127.0.0.1 or reg.test, and a client. They
# protect nothing.
set -euo pipefail
cd "$(dirname "$0")"
key() { openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$1"; }
key ca.key && key server.key && key client.key
openssl req -x509 -new -key ca.key -days 36500 -subj "/CN=test authority" -out ca.crt \
    -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign"
sign() {
    openssl req -new -key "$1.key" -subj "/CN=$1" -out "$1.csr"
    openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 36500 -out "$1.cert" -extfile <(echo "$2")
}
sign server "subjectAltName=IP:127.0.0.1,DNS:reg.test"
sign client "extendedKeyUsage=clientAuth"
rm -f ca.key ./*.csr ./*.srl
