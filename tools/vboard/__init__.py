"""The virtual STM32F769I-DISCO: see README.md."""

from .board import Board, ExecError
from .errors import (
    ClockTreeError,
    Lockup,
    NotModelled,
    PowerCut,
    UnclockedAccess,
    UnmappedAccess,
    VBoardError,
    VBoardTimeout,
)

__all__ = ["Board", "ClockTreeError", "ExecError", "Lockup", "NotModelled", "PowerCut", "UnclockedAccess",
           "UnmappedAccess", "VBoardError", "VBoardTimeout"]  # fmt: skip
