#!/usr/bin/env bash
# lock.sh: writes requirements/*.txt anew from *.in, with the hashes of every file that the public index has for each version,
# for CPython 3.11 to 3.13. Needs `uv` on the PATH. pip's own configuration is left out on purpose: wheels that happen to lie on
# this machine must not decide what others install.
. "$(dirname "$0")/lib.sh"
cd "$repo/requirements"
for name in base test; do
    env -u PIP_CONFIG_FILE -u PIP_FIND_LINKS uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --no-annotate --custom-compile-command "tools/setup/lock.sh" "$@" "$name.in" -o "$name.txt"
    say "requirements/$name.txt: $(grep -c == "$name.txt") packages"
done
