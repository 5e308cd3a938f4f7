# One file of a Debian package, by the apt of a Debian root: nothing is installed anywhere.
#
# Takes ROOT, PACKAGE, MEMBER (path in the package) and TARGET (the file to write).
set -eu
fetch='
    set -eu
    folder=$(mktemp -d)
    trap "rm -rf \"$folder\"" EXIT
    cd "$folder"
    if ! apt-get download -qq "$PACKAGE" 2> first; then
        apt-get update -qq -o Acquire::Check-Valid-Until=false >&2
        apt-get download -qq "$PACKAGE" >&2
    fi
    dpkg-deb --fsys-tarfile ./*.deb > whole.tar
    tar --extract --to-stdout --file whole.tar "./$MEMBER"
'
chroot "$ROOT" sh -c "$fetch" > "$TARGET"
