"""Power cuts while settings are saved, on the virtual board's flash chip."""

import random

import pytest

from tools.vboard import Board, PowerCut

CUTS = 200
LOAD = "from settings import Settings\ns = Settings()\nnotes = s.load()\n"


@pytest.mark.xdist_group("power_cut")
def test_power_cut_at_200_points(firmware_elf, romfs_image):
    """After a power cut at any moment of a save the board starts with the old or the new settings, never with none."""
    board = Board(firmware_elf, romfs=romfs_image)
    board.boot()
    board.exec(LOAD + "s.set('window', 1)\ns.set('led', 'x')\ns.save()", timeout_s=20)
    begin = board.instructions
    board.exec("s.set('led', 'y')\ns.save()", timeout_s=20)
    length = board.instructions - begin
    rng = random.Random(20)
    window, seen = 1, {"old": 0, "new": 0}
    for k in range(CUTS):
        new = window % 32 + 1
        board.exec(LOAD + f"s.set('window', {new})")
        board.power_cut_at(board.instructions + rng.randrange(length))
        try:
            board.exec("s.save()", timeout_s=20)
        except PowerCut:
            pass
        board.power_on()
        board.boot()
        found, led, notes = board.exec(LOAD + "print(s.window, s.led, notes)", timeout_s=20).split(" ", 2)
        assert int(found) in (window, new), f"cut {k}: window {found}, was {window} or {new}; {notes}"
        assert led == "y", f"cut {k}: {notes}"
        assert "defaults" not in notes, f"cut {k}: {notes}"
        seen["new" if int(found) == new else "old"] += 1
        window = int(found)
    # Cuts that all fell before or all after the save would prove nothing.
    assert min(seen.values()) >= CUTS // 10, seen
