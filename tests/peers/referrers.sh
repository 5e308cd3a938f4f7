#!/usr/bin/env bash
# Whether `oras` finds what `factory publish` has attached to an image: tests/peers/referrers.sh 127.0.0.1:5000/app:dev
#
# oras comes from Debian sid, unpacked into a folder of its own with the loader that it wants; nothing is installed. A check by
# hand, for a machine that reaches Debian's archive.
set -euo pipefail
image=${1:?an image that factory publish has been run for}
folder=${TMPDIR:-/tmp}/factory-peers
if [ ! -x "$folder/root/usr/bin/oras" ]; then
    mkdir -p "$folder"/{lists/partial,cache/archives/partial,debs}
    echo 'deb http://deb.debian.org/debian sid main' >"$folder/sources.list"
    apt=(apt-get -qq -o "Dir::Etc::sourcelist=$folder/sources.list" -o Dir::Etc::sourceparts=-
        -o "Dir::State::lists=$folder/lists" -o "Dir::Cache=$folder/cache")
    "${apt[@]}" update
    (cd "$folder/debs" && "${apt[@]}" download oras libc6)
    for package in "$folder"/debs/*.deb; do dpkg-deb -x "$package" "$folder/root"; done
fi
library=$(dirname "$(find "$folder/root" -name 'ld-linux-*.so.*' | head -n 1)")
loader=$(find "$library" -name 'ld-linux-*.so.*' | head -n 1)
libraries=$(dirname "$(find "$folder/root" -name 'libc.so.6' | head -n 1)")
plain=()
case $image in localhost*|127.*) plain=(--plain-http) ;; esac
found=$("$loader" --library-path "$libraries" "$folder/root/usr/bin/oras" discover "${plain[@]}" --format json "$image")
for kind in application/vnd.factory.record.v1+json application/vnd.factory.evidence.v1; do
    count=$(grep -cF "\"artifactType\": \"$kind\"" <<<"$found" || true)
    echo "$count $kind"
    [ "$count" -gt 0 ] || { echo "oras does not find it:" >&2; echo "$found" >&2; exit 1; }
done
grep -qF '"invalid.factory.build-id"' <<<"$found" || { echo "no annotations: $found" >&2; exit 1; }
