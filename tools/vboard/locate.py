"""Which instruction of the running block makes a given access.

Unicorn reports the block's start in a peripheral callback. The registers are current, so the block is
decoded and the first load or store of that size whose address comes out right is taken, searching on
from the last one found. If none is found (load-multiple, exotic addressing) the block's start stands.
"""

from __future__ import annotations

from collections.abc import Callable

SIZE_BITS = {1: 0, 2: 1, 4: 2}


def _narrow(op: int, reg: list[int], pc: int) -> tuple[bool, int, int] | None:
    """16-bit loads and stores -> (is_load, size, address)."""
    top = op >> 11
    n, t = reg[op >> 3 & 7], op >> 6 & 0x1F
    immediate = {0b01100: (False, 4), 0b01101: (True, 4), 0b01110: (False, 1), 0b01111: (True, 1),
                 0b10000: (False, 2), 0b10001: (True, 2)}  # fmt: skip
    if top in immediate:
        load, size = immediate[top]
        return load, size, n + t * size
    if op >> 12 == 0b0101:
        kind = op >> 9 & 7
        sizes = (4, 2, 1, 1, 4, 2, 1, 2)
        return kind >= 3, sizes[kind], n + reg[op >> 6 & 7]
    if top in (0b10010, 0b10011):
        return top == 0b10011, 4, reg[13] + 4 * (op & 0xFF)
    if top == 0b01001:
        return True, 4, (pc + 4 & ~3) + 4 * (op & 0xFF)
    if top in (0b11000, 0b11001):
        return top == 0b11001, 4, reg[op >> 8 & 7]
    return None


def _wide(op: int, low: int, reg: list[int]) -> tuple[bool, int, int] | None:
    """32-bit single loads and stores, and doubles (their first word)."""
    base = reg[op & 15]
    if op >> 9 == 0b1111100:  # LDR, STR, B and H forms
        size, load = 1 << (op >> 5 & 3), bool(op >> 4 & 1)
        if size > 4:
            return None
        if op >> 7 & 1:
            return load, size, base + (low & 0xFFF)
        if low >> 11 & 1:
            offset = (low & 0xFF) if low >> 9 & 1 else -(low & 0xFF)
            return load, size, base + (offset if low >> 10 & 1 else 0)
        return load, size, base + (reg[low & 15] << (low >> 4 & 3))
    if op >> 9 == 0b1110100 and op >> 6 & 1:  # LDRD, STRD
        offset = 4 * (low & 0xFF) * (1 if op >> 7 & 1 else -1)
        return bool(op >> 4 & 1), 4, base + (offset if op >> 8 & 1 else 0)
    return None


def _constant(op: int, low: int, pc: int, known: dict[int, int], word: Callable[[int], int]) -> None:
    """Keep track of registers that the block sets to constants: literals, MOVW and MOVT."""
    if op >> 11 == 0b01001:
        known[op >> 8 & 7] = word((pc + 4 & ~3) + 4 * (op & 0xFF))
    elif op == 0xF8DF:
        known[low >> 12] = word((pc + 4 & ~3) + (low & 0xFFF))
    elif op & 0xFBF0 in (0xF240, 0xF2C0):
        half = (op & 15) << 12 | (op & 0x400) << 1 | (low & 0x7000) >> 4 | low & 0xFF
        target = low >> 8 & 15
        known[target] = half if op & 0xFBF0 == 0xF240 else known.get(target, 0) & 0xFFFF | half << 16


def find(code: bytes, start: int, reg: list[int], address: int, size: int, load: bool, word: Callable[[int], int]) -> int:
    """Address of the instruction in `code` (at `start`) that accesses `address`, or `start`.

    `reg` is R0..R15, `word(address)` reads code memory. An instruction whose base register the block had set to
    another constant just before is passed over when there is a better one.
    """
    i, known = 0, {}
    first = None
    while i + 2 <= len(code):
        op = code[i] | code[i + 1] << 8
        wide = op >= 0xE800 and i + 4 <= len(code)
        low = code[i + 2] | code[i + 3] << 8 if wide else 0
        found = _wide(op, low, reg) if wide else _narrow(op, reg, start + i)
        if found and found[0] == load and found[1] == size and found[2] & 0xFFFF_FFFF == address:
            base = op & 15 if wide else op >> 3 & 7
            if known.get(base, reg[base]) == reg[base]:
                return start + i
            first = start + i if first is None else first
        _constant(op, low, start + i, known, word)
        i += 4 if wide else 2
    return start if first is None else first
