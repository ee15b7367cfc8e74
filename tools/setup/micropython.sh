#!/usr/bin/env bash
# micropython.sh FOLDER: MicroPython's pinned sources, unpacked in FOLDER.
# They are the upstream tarball inside Debian's source package; Debian's own changes are not applied. Comes from
#   HARK_MICROPY_TARBALL=<file>      a copy that you have, or else
#   HARK_DEBIAN_MIRROR=<address>     a Debian mirror, or else
#   the Debian mirror that apt is configured for.
# Whatever the way, the SHA-256 below decides.
. "$(dirname "$0")/lib.sh"

version=1.25.0+ds-1
suite=trixie
tarball=micropython_1.25.0+ds.orig.tar.xz
sha256=7b25be99a502f070b2de81dafc08da7051d992325d6e67daa9045a918fffdbea
what="MicroPython's source, $tarball"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

folder=$1
[ -e "$folder/py/mpconfig.h" ] && exit 0
one_at_a_time micropython
[ -e "$folder/py/mpconfig.h" ] && exit 0
make_tmp micropython

configured_mirror() {
    apt-get indextargets --format '$(ORIGIN)|$(COMPONENT)|$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        sed -n 's/^Debian|main|//p' | grep -v security | head -n 1
}

# Private lists and a private state: nothing of the machine's apt is changed, and no root is needed.
apt_private() {
    apt-get -q -o Dir::Etc::SourceList="$tmp/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$tmp/lists" \
        -o Dir::Cache="$tmp/cache" -o APT::Sandbox::User= -o Acquire::Languages=none -o Acquire::Retries=2 \
        -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30 "$@"
}

fetch_with_apt() {
    command -v apt-get >/dev/null || fail "$what is not here, and there is no apt-get to fetch it with." expected "sha256 $sha256" \
        "to do" "set HARK_MICROPY_TARBALL=<file>, or MICROPY_DIR=<your checkout of MicroPython v1.25.0>"
    local mirror trust=trusted=yes
    mirror=${HARK_DEBIAN_MIRROR:-$(configured_mirror)}
    [ -n "$mirror" ] || fail "$what: apt on this machine knows no Debian mirror." expected "sha256 $sha256" \
        "to do" "set HARK_DEBIAN_MIRROR=<address of one>, HARK_MICROPY_TARBALL=<file> or MICROPY_DIR=<your checkout>"
    # Without Debian's keys (Ubuntu, say) the SHA-256 above is still the judge.
    [ -e "$keyring" ] && [ -z "${HARK_DEBIAN_MIRROR:-}" ] && trust=signed-by=$keyring
    from="source package micropython $version, suite $suite, from $mirror"
    say "fetching $what ($from)"
    mkdir -p "$tmp/lists/partial" "$tmp/cache/archives/partial"
    echo "deb-src [$trust] $mirror $suite main" >"$tmp/sources.list"
    apt_private update -o APT::Update::Error-Mode=any >&2 ||
        fail "the list of Debian's source packages could not be fetched (apt's own words are above)." \
            what "$what" from "$mirror, suite $suite" expected "sha256 $sha256" got "nothing" \
            "to do" "check the network, or set HARK_DEBIAN_MIRROR=, HARK_MICROPY_TARBALL= or MICROPY_DIR="
    (cd "$tmp" && apt_private source --download-only --tar-only "micropython=$version" >&2) ||
        fail "$what could not be fetched (apt's own words are above; a hash sum mismatch is listed there too)." \
            from "$from" expected "sha256 $sha256" got "$([ -e "$tmp/$tarball" ] && sha256sum "$tmp/$tarball" | cut -d' ' -f1 || echo nothing)" \
            "to do" "try again, or set HARK_DEBIAN_MIRROR=, HARK_MICROPY_TARBALL= or MICROPY_DIR="
    file=$tmp/$tarball
}

if [ -n "${HARK_MICROPY_TARBALL:-}" ]; then
    file=$HARK_MICROPY_TARBALL from="$file (HARK_MICROPY_TARBALL)"
    [ -r "$file" ] || fail "HARK_MICROPY_TARBALL names a file that cannot be read." file "$file"
else
    fetch_with_apt
fi
check_sha256 "$file" "$sha256" "$what" "$from"
say "SHA-256 is right; unpacking to $folder"
mkdir "$tmp/tree"
tar -xJf "$file" -C "$tmp/tree" --strip-components=1
mkdir -p "$(dirname "$folder")"
rm -rf "$folder"
mv "$tmp/tree" "$folder"
