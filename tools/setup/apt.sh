#!/usr/bin/env bash
# apt.sh PURPOSE...: installs the Debian packages of packages.txt that are missing for these purposes.
# As root or through sudo; where neither is possible it names them and stops.
. "$(dirname "$0")/lib.sh"
PYTHON=${PYTHON:-python3}

missing=()
while read -r purpose package probe; do
    case " $* " in *" $purpose "*) ;; *) continue ;; esac
    (eval "$probe") >/dev/null 2>&1 </dev/null || missing+=("$package")
done < <(sed -e '/^#/d' -e '/^$/d' "$repo/tools/setup/packages.txt")
[ ${#missing[@]} -gt 0 ] || exit 0

# Tests that need no package manager at all can pretend that there is none.
apt=${HARK_APT_GET:-apt-get}
by_hand="install by hand: ${missing[*]}"
command -v "$apt" >/dev/null || fail "this machine has no $apt, and some programs are missing (Debian's names for them)." \
    needed "${missing[*]}" for "$*"
as_root=()
if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
        as_root=(sudo)
    else
        fail "some Debian packages are missing, and this is neither root nor a user who can sudo." \
            needed "${missing[*]}" for "$*" "to do" "as root: apt-get install ${missing[*]}"
    fi
fi

one_at_a_time apt
say "installing Debian packages for $*: ${missing[*]}"
options=(-y -q --no-install-recommends -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "$apt" install "${options[@]}" "${missing[@]}")
# A machine that was never updated knows no package; one that was updated long ago knows versions that are gone.
if ! "${install[@]}" >&2; then
    say "that did not work with the package lists that are here; fetching new lists"
    "${as_root[@]}" "$apt" update -q >&2 || fail "apt-get update failed (see above)." "to do" "$by_hand"
    "${install[@]}" >&2 || fail "apt-get install failed (see above)." "to do" "$by_hand"
fi
