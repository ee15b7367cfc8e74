# Sourced by the set-up scripts: where the cache is, how they speak, how two of them keep out of each other's way.

set -eu -o pipefail
HARK_CACHE=${HARK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hark}
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

say() { printf '\033[1mset-up:\033[0m %s\n' "$*" >&2; }

# fail WHAT [KEY VALUE]...: one line for what went wrong, one for each fact that helps to put it right.
fail() {
    printf '\nset-up stopped: %s\n' "$1" >&2
    shift
    while [ $# -ge 2 ]; do
        printf '    %-9s %s\n' "$1:" "$2" >&2
        shift 2
    done
    exit 1
}

# check_sha256 FILE EXPECTED WHAT FROM
check_sha256() {
    local got
    got=$(sha256sum "$1" | cut -d' ' -f1)
    [ "$got" = "$2" ] || fail "$3 is not the file that this project was made with (SHA-256 differs)." \
        from "$4" expected "$2" got "$got" file "$1" \
        "to do" "nothing was unpacked; try again, or use another mirror or your own file"
}

# one_at_a_time NAME: waits for another make that is doing the same step; the lock falls with the process.
one_at_a_time() {
    mkdir -p "$HARK_CACHE" 2>/dev/null && [ -w "$HARK_CACHE" ] ||
        fail "the cache folder cannot be written." folder "$HARK_CACHE" "to do" "set HARK_CACHE to a folder of yours"
    exec 9>"$HARK_CACHE/.lock-$1"
    if ! flock -n 9; then
        say "another make is doing this step ($1); waiting for it"
        flock 9
    fi
}

# Everything is made in $tmp, inside the cache so that one rename publishes it, and thrown away when the script is interrupted.
make_tmp() {
    tmp=$(mktemp -d "$HARK_CACHE/.tmp-$1.XXXXXX")
    trap 'rm -rf "$tmp"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}
