"""Power cuts while settings are saved, on the virtual board's flash chip."""

import contextlib
import random

import pytest

from tools.vboard import Board, PowerCut

ROUNDS, CUTS = 20, 10  # 200 in all
LOAD = "from settings import Settings\ns = Settings()\nnotes = s.load()\n"


def settings_on(board) -> tuple[int, str, str]:
    """(window, led, notes) that a freshly started board finds."""
    window, led, notes = board.exec(LOAD + "print(s.window, s.led, notes)", timeout_s=20).split(" ", 2)
    return int(window), led, notes


@pytest.mark.xdist_group("power_cut")
def test_power_cut_at_200_points(firmware_elf, romfs_image):
    """After a power cut at any moment of a save the board starts with the old or the new settings, never with none.

    Each round saves once undisturbed, to know how long that takes, and goes back to before it for every cut; the next
    round goes on from what the last cut left on the chip.
    """
    board = Board(firmware_elf, romfs=romfs_image)
    board.boot()
    board.exec(LOAD + "s.set('window', 1)\ns.set('led', 'y')\ns.save()", timeout_s=20)
    rng = random.Random(20)
    old, seen = 1, {"old": 0, "new": 0}
    for _ in range(ROUNDS):
        new = old % 32 + 1
        board.exec(LOAD + f"s.set('window', {new})")
        ready, begin = board.snapshot(), board.instructions
        board.exec("s.save()", timeout_s=20)
        length = board.instructions - begin
        for k in range(CUTS):
            board.restore(ready)
            # Anywhere, and every other time in the last tenth, where the files are renamed.
            at = rng.randrange(length) if k % 2 else length - rng.randrange(length // 10)
            board.power_cut_at(begin + at)
            with contextlib.suppress(PowerCut):
                board.exec("s.save()", timeout_s=20)
            board.power_on()
            board.read()  # an old prompt must not be taken for the new one
            board.boot()
            found, led, notes = settings_on(board)
            assert found in (old, new), f"cut at {at} of {length}: window {found}, was {old} or {new}; {notes}"
            assert led == "y" and "defaults" not in notes, f"cut at {at} of {length}: {notes}"
            seen["new" if found == new else "old"] += 1
        old = found
    # Cuts that all fell before or all after the save would prove nothing.
    assert min(seen.values()) >= 10, seen
