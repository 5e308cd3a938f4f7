#!/usr/bin/env bash
# Fetches what others read and write signatures with into a folder: cosign and oras (Debian sid, unpacked and not installed),
# @sigstore/verify (npm), securesystemslib (PyPI), and for keyless signatures sigstore's public trusted root (PyPI) and its conformance
# suite (GitHub). `FACTORY_PEERS=FOLDER cargo test -p factory --test peers --test peers_keyless` then holds ours against theirs.
set -euo pipefail
folder=$(realpath -m "${1:?usage: fetch.sh FOLDER}")
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$folder/bin" "$folder/apt/"{lists/partial,archives/partial,etc/apt.conf.d,etc/preferences.d,etc/trusted.gpg.d}

# A configuration of its own: nothing of this machine's apt changes.
apt="$folder/apt"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keyring] ${FACTORY_DEBIAN_MIRROR:-http://deb.debian.org/debian} sid main" >"$apt/etc/sources.list"
touch "$apt/status"
options=(-o Dir::Etc="$apt/etc" -o Dir::Etc::sourcelist="$apt/etc/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o Dir::State="$apt" -o Dir::State::Lists="$apt/lists" -o Dir::State::status="$apt/status" -o Dir::Cache="$apt"
    -o Acquire::Languages=none -o Acquire::Check-Valid-Until=false -o APT::Sandbox::User=root)
apt-get "${options[@]}" update -qq
(cd "$apt" && apt-get "${options[@]}" download -qq cosign oras && for package in *.deb; do dpkg-deb -x "$package" root; done)
install -m 755 "$apt/root/usr/bin/cosign" "$apt/root/usr/bin/oras" "$folder/bin/"
rm -rf "$apt"

python3 -m venv "$folder/python"
"$folder/python/bin/pip" install --quiet 'securesystemslib[crypto]==1.6.0'

"$folder/python/bin/pip" download --quiet --no-deps --dest "$folder/wheel" 'sigstore==4.5.1'
"$folder/python/bin/python" - "$folder" <<'END'
import glob, pathlib, sys, zipfile
folder = pathlib.Path(sys.argv[1])
wheel = zipfile.ZipFile(glob.glob(str(folder / "wheel" / "*.whl"))[0])
[name] = [name for name in wheel.namelist() if "sigstore.dev" in name and name.endswith("/trusted_root.json")]
(folder / "trusted_root.json").write_bytes(wheel.read(name))
END
rm -rf "$folder/wheel"
# Without it one test says that it has nothing to compare with.
if [ ! -d "$folder/conformance" ] && git clone --quiet --depth 1 https://github.com/sigstore/sigstore-conformance "$folder/suite"; then
    mv "$folder/suite/test/assets" "$folder/conformance"
    rm -rf "$folder/suite"
fi

cp "$here"/*.mjs "$folder/"
cd "$folder"
[ -f package.json ] || npm init --yes >/dev/null
npm install --silent --no-fund --no-audit @sigstore/verify@4.1.3 @sigstore/bundle@5.0.1 @sigstore/protobuf-specs
