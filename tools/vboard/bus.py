"""Peripherals on the bus: dispatch by address, and the base class with named registers.

An access that meets nothing, a gated clock or a register that is not modelled stops the run; the message
carries the register's name, the program counter and the source line.
"""

from __future__ import annotations

from .errors import NotModelled, UnclockedAccess, UnmappedAccess, VBoardError
from .regs import REGISTERS

KB = 10  # peripherals are found by address >> 10
WINDOWS = ((0x4000_0000, 0x0008_0000), (0x5000_0000, 0x0007_0000), (0xA000_0000, 0x0000_2000), (0xE000_0000, 0x0010_0000))


class Peripheral:
    """A block of registers. Subclasses define `read_NAME()` and `write_NAME(value)` where a plain cell is
    not enough, and RESET for non-zero reset values. Attributes that start with `_` are wiring: they are
    not part of a snapshot.
    """

    FAMILY = ""
    RESET: dict[str, int] = {}
    # Bits a firmware may set, by register; others raise NotModelled. Registers not listed take all bits.
    SUPPORTED: dict[str, int] = {}
    ALWAYS_CLOCKED = False

    def __init__(self, board, name: str) -> None:
        self._board = board
        self.name = name
        self._cells = self._layout()
        self._offset_of = {n: o for o, n in self._cells.items()}
        self._readers = {o: getattr(self, "read_" + n, None) for o, n in self._cells.items()}
        self._writers = {o: getattr(self, "write_" + n, None) for o, n in self._cells.items()}
        self.reg: dict[str, int] = {}
        self.stuck: dict[str, tuple[int, int]] = {}  # fault injection: name -> (mask, value)
        self.reset()

    def _layout(self) -> dict[int, str]:
        """Offset -> register name."""
        cells: dict[int, str] = {}
        for name, offset in REGISTERS[self.FAMILY].items():
            if isinstance(offset, list):
                for i in range(offset[1]):
                    cells[offset[0] + 4 * i] = f"{name}{i}"
            else:
                cells[offset] = name
        return cells

    def reset(self) -> None:
        self.reg = dict.fromkeys(self._cells.values(), 0)
        self.reg.update(self.RESET)

    def register_name(self, offset: int) -> str:
        return f"{self.name}->{self._cells.get(offset & ~3, hex(offset))}"

    def read(self, offset: int, size: int) -> int:
        base = offset & ~3
        name = self._cells.get(base)
        if name is None:
            raise UnmappedAccess(f"read of {self.name}+{offset:#x}, where the device has no register")
        reader = self._readers[base]
        value = self.reg[name] if reader is None else reader()
        if self.stuck and name in self.stuck:
            mask, forced = self.stuck[name]
            value = value & ~mask | forced & mask
        return value if size == 4 else value >> 8 * (offset & 3) & ((1 << 8 * size) - 1)

    def write(self, offset: int, size: int, value: int) -> None:
        base = offset & ~3
        name = self._cells.get(base)
        if name is None:
            raise UnmappedAccess(f"write of {value:#x} to {self.name}+{offset:#x}, where the device has no register")
        if size < 4:
            value = self._merge(name, offset & 3, size, value)
        if name in self.SUPPORTED and value & ~self.SUPPORTED[name]:
            raise NotModelled(f"{self.name}->{name} = {value:#x}: bits {value & ~self.SUPPORTED[name]:#x}")
        writer = self._writers[base]
        if writer is None:
            self.reg[name] = value
        else:
            writer(value)

    def _merge(self, name: str, shift: int, size: int, value: int) -> int:
        """A byte or halfword write: the rest of the word keeps its value."""
        mask = ((1 << 8 * size) - 1) << 8 * shift
        return self.reg[name] & ~mask | value << 8 * shift & mask

    def clocks_changed(self) -> None:
        """HCLK or a kernel clock became another one."""


class Bus:
    """Finds the peripheral of an address, checks its clock, and turns errors into readable ones."""

    def __init__(self, board) -> None:
        self._board = board
        self._pages: dict[int, tuple[int, Peripheral]] = {}
        self.failure: VBoardError | None = None
        uc = board.cpu.uc
        for base, size in WINDOWS:
            core = base == 0xE000_0000
            uc.mmio_map(base, size, self._read, base if not core else 0, self._write, base if not core else 0)
        # The private bus has its own callbacks: it is the hot one (SysTick, DWT, NVIC).
        uc.mem_unmap(0xE000_0000, 0x10_0000)
        uc.mmio_map(0xE000_0000, 0x10_0000, self._read_core, None, self._write_core, None)

    def attach(self, base: int, peripheral: Peripheral) -> None:
        self._pages[base >> KB] = (base, peripheral)

    def _find(self, address: int) -> tuple[Peripheral, int]:
        entry = self._pages.get(address >> KB)
        if entry is None:
            raise UnmappedAccess(f"access to {address:#010x}, where no modelled peripheral lies")
        base, peripheral = entry
        if not peripheral.ALWAYS_CLOCKED and not self._board.rcc.is_clocked(peripheral.name):
            name = peripheral.register_name(address - base)
            raise UnclockedAccess(f"access to {name} ({address:#010x}) while RCC gates its clock")
        return peripheral, address - base

    def read(self, address: int, size: int) -> int:
        peripheral, offset = self._find(address)
        return peripheral.read(offset, size)

    def write(self, address: int, size: int, value: int) -> None:
        peripheral, offset = self._find(address)
        peripheral.write(offset, size, value)

    def _read(self, _uc, offset: int, size: int, base: int) -> int:
        if self.failure is not None:
            return 0
        try:
            return self.read(base + offset, size)
        except VBoardError as error:
            return self._fail(error, base + offset, size, "read")

    def _write(self, _uc, offset: int, size: int, value: int, base: int) -> None:
        if self.failure is not None:
            return
        try:
            self.write(base + offset, size, value & 0xFFFF_FFFF)
        except VBoardError as error:
            self._fail(error, base + offset, size, "write")

    def _read_core(self, _uc, offset: int, size: int, _data) -> int:
        if offset >= 0x4_2000 and offset < 0x4_2400:
            return self._read(_uc, offset, size, 0xE000_0000)
        try:
            return self._board.scs.read(0xE000_0000 + offset, size)
        except VBoardError as error:
            return self._fail(error, 0xE000_0000 + offset, size, "read")

    def _write_core(self, _uc, offset: int, size: int, value: int, _data) -> None:
        if offset >= 0x4_2000 and offset < 0x4_2400:
            self._write(_uc, offset, size, value, 0xE000_0000)
            return
        try:
            self._board.scs.write(0xE000_0000 + offset, size, value & 0xFFFF_FFFF)
        except VBoardError as error:
            self._fail(error, 0xE000_0000 + offset, size, "write")

    def _fail(self, error: VBoardError, address: int, size: int, access: str) -> int:
        """Remember the error with its place; the run loop raises it when the slice has ended."""
        pc = self._board.locate(address, size, access)
        where = self._board.symbols.describe(pc)
        # The place belongs to the message, the type stays the caller's to catch.
        self.failure = type(error)(f"{error}\n  {access} of {size} bytes at {address:#010x}, PC {where}")
        self._board.cpu.uc.emu_stop()
        return 0
