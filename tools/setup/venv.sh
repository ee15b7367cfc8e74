#!/usr/bin/env bash
# venv.sh LOCK FOLDER: a virtual environment in FOLDER with exactly what LOCK (requirements/*.txt) pins, hashes checked.
# FOLDER carries the lock's hash in its name (mk/setup.mk), so a changed lock gets a new one.
. "$(dirname "$0")/lib.sh"
PYTHON=${PYTHON:-python3}
lock=$1 folder=$2
[ -e "$folder/complete" ] && exit 0

"$PYTHON" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null ||
    fail "this project needs CPython 3.11, 3.12 or 3.13." got "$("$PYTHON" -V 2>&1 || true)" from "$(command -v "$PYTHON" || echo "$PYTHON, not found")" \
        "to do" "make PYTHON=/path/to/python3.11 ..."
one_at_a_time venv
[ -e "$folder/complete" ] && exit 0

say "making a Python environment with what $(basename "$lock") pins (a few minutes the first time)"
# Scripts in a virtual environment name their folder, so it is made in place; the mark at its end is what counts.
rm -rf "$folder"
trap '[ -e "$folder/complete" ] || rm -rf "$folder"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir -p "$(dirname "$folder")"
"$PYTHON" -m venv "$folder"
# One line a package is progress enough; pip's own errors and warnings come through whole.
"$folder/bin/python" -m pip install --disable-pip-version-check --no-input --progress-bar off --require-hashes --only-binary :all: -r "$lock" |
    sed -u -n -e 's/^Collecting \([^ ]*\).*/    \1/p' -e 's,^Processing .*/\([^/ ]*\)\.whl.*,    \1,p' -e 's/^Installing.*/    installing/p' >&2 ||
    fail "pip could not install the pinned packages; the lines above name the package, and for a wrong file the hash expected and got." \
        what "$lock" from "the package index that pip is configured for (see: pip config list)" expected "the hashes in $(basename "$lock")"
touch "$folder/complete"
say "Python environment ready: $folder"
