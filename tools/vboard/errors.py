"""Everything that stops a run of the virtual board from the outside."""

from __future__ import annotations


class VBoardError(Exception):
    """The firmware did something that hardware would not forgive, or that is not modelled."""


class UnmappedAccess(VBoardError):
    """An access to a peripheral address at which the device has nothing."""


class UnclockedAccess(VBoardError):
    """An access to a peripheral whose clock RCC has not enabled."""


class NotModelled(VBoardError):
    """Legal on hardware perhaps, but the simulator does not know it; never ignored silently."""


class ClockTreeError(VBoardError):
    """A clock outside its range, or too fast for its wait states, voltage scale or bus."""


class Lockup(VBoardError):
    """A fault at a priority where no handler can run."""


class PowerCut(VBoardError):
    """The power went away, as `Board.power_cut_at` asked; `Board.power_on` goes on."""


class VBoardTimeout(VBoardError):
    """Nothing came within the virtual seconds allowed; the message shows the last output."""
