#!/usr/bin/env bash
# mpy_cross.sh MICROPY_DIR PROGRAM: builds the compiler for frozen modules from these sources, beside nothing of theirs.
. "$(dirname "$0")/lib.sh"
micropy_dir=$1 program=$2
[ -x "$program" ] && exit 0
one_at_a_time mpy-cross
[ -x "$program" ] && exit 0
[ -e "$micropy_dir/mpy-cross/Makefile" ] || fail "there are no MicroPython sources here." folder "$micropy_dir"
make_tmp mpy-cross
say "building mpy-cross from $micropy_dir"
# A user's MAKEFLAGS and cross compiler are for the firmware, not for a program that runs here.
env -u MAKEFLAGS -u MFLAGS -u CROSS_COMPILE make -C "$micropy_dir/mpy-cross" -j"${JOBS:-2}" BUILD="$tmp/build" USER_C_MODULES= >"$tmp/log" 2>&1 ||
    { tail -n 30 "$tmp/log" >&2; fail "mpy-cross did not build (the end of its output is above)." from "$micropy_dir"; }
mkdir -p "$(dirname "$program")"
mv "$tmp/build/mpy-cross" "$program"
