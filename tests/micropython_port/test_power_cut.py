"""The file system after power cuts: the old file or the new one, never a broken one."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tools.vboard import Board, PowerCut

CUTS = 24
REPLACE = "f=open('/flash/s.tmp','w');f.write('new '*200);f.close()\nimport os\nos.rename('/flash/s.tmp','/flash/s')\nprint('done')"


def test_a_file_is_replaced_or_not(firmware_elf: Path) -> None:
    """Settings that are neither the old nor the new ones would be worse than lost ones."""
    board = Board(firmware_elf)
    board.boot()
    board.exec("f=open('/flash/s','w');f.write('old '*200);f.close()")
    start, first = board.snapshot(), board.instructions
    board.exec(REPLACE)
    last = board.instructions
    # Most of it at random, a few where the work is done and only the prompt is missing.
    rng = random.Random(1)
    cuts = [rng.randrange(first, last) for _ in range(CUTS)] + [last - 2000 * i for i in range(1, 4)]
    seen: set[str] = set()
    for cut in cuts:
        board.restore(start)
        board.power_cut_at(cut)
        with pytest.raises(PowerCut):
            board.exec(REPLACE)
        board.power_on()
        board.boot()
        content = board.exec("print(open('/flash/s').read())").strip()
        assert content in (("old " * 200).strip(), ("new " * 200).strip())
        seen.add(content[:3])
    assert seen == {"old", "new"}
