"""A whole board in memory: processor, memories, peripherals, pending events."""

from __future__ import annotations

import copy

SHIM_FIELDS = ("instructions", "stalled", "cyccnt_on", "cyccnt_held", "cyccnt_start")
MACHINE_FIELDS = ("asleep", "sleeping", "reset_asked", "power_cut", "powered", "resets", "_read_from")


def _state_of(thing) -> dict:
    """Attributes that are state: wiring starts with an underscore."""
    return {name: value for name, value in vars(thing).items() if not name.startswith("_")}


def _stateful(board) -> dict:
    return {**board.parts, "nvic": board.nvic, "systick": board.scs.systick, "mpu": board.scs.mpu,
            "clock": board.clock, "sound": board.sound}  # fmt: skip


class Snapshot:
    """What `put_back` needs; bound to the board that it was taken from."""

    def __init__(self, board) -> None:
        memory, shim = board.cpu.memory, board.cpu.state
        self._context = board.cpu.uc.context_save()
        self._memory = {r.name: bytes(r.view) for r in (memory.ram, memory.itcm, memory.flash)}
        self._shim = {name: getattr(shim, name) for name in SHIM_FIELDS}
        self._machine = {name: getattr(board, name) for name in MACHINE_FIELDS}
        self._kept = dict(board.scs.kept)
        self._samples = board.sound.samples
        self._tree = self._copy(board, self._collect(board))

    @staticmethod
    def _collect(board) -> dict:
        """Everything that refers to each other, so that one deep copy keeps the references."""
        parts = {name: _state_of(thing) for name, thing in _stateful(board).items()}
        return {"parts": parts, "heap": board.events.heap, "sequence": board.events.sequence, "rng": board.rng_faults}

    @staticmethod
    def _copy(board, tree: dict) -> dict:
        wiring = [board, board.cpu, board.events, board.bus, board.scs, *_stateful(board).values()]
        return copy.deepcopy(tree, {id(thing): thing for thing in wiring})

    def put_back(self, board) -> None:
        memory, shim = board.cpu.memory, board.cpu.state
        board.quadspi._window.forget()
        for region in (memory.ram, memory.itcm, memory.flash):
            saved = self._memory[region.name]
            if region.view != saved:
                region.view[:] = saved
                board.cpu.forget_code(region.base, region.base + region.size)
        tree = self._copy(board, self._tree)
        for name, thing in _stateful(board).items():
            for stale in _state_of(thing).keys() - tree["parts"][name].keys():
                delattr(thing, stale)
            vars(thing).update(tree["parts"][name])
        board.events.heap, board.events.sequence = tree["heap"], tree["sequence"]
        board.rng_faults = tree["rng"]
        board.sound.play(self._samples, board.sound.start)
        board.scs.kept.clear()
        board.scs.kept.update(self._kept)
        for name, value in self._machine.items():
            setattr(board, name, value)
        for name, value in self._shim.items():
            setattr(shim, name, value)
        shim.watch = 0
        board.scs.mpu.stale = True
        board.cpu.uc.context_restore(self._context)
        if board.quadspi.mapped():
            board.quadspi._window.open()
