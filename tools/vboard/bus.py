"""Peripherals on the bus: dispatch by address, and the base class with named registers.

An access that meets nothing, a gated clock or a register that is not modelled stops the run; the message
carries the register's name, the program counter and the source line.
"""

from __future__ import annotations

from collections.abc import Callable

from .cpu import MMIO_READ, MMIO_WRITE
from .errors import NotModelled, UnclockedAccess, UnmappedAccess, VBoardError
from .regs import REGISTERS

KB = 10  # peripherals are found by address >> 10
WINDOWS = ((0x4000_0000, 0x0008_0000), (0x5000_0000, 0x0007_0000), (0xA000_0000, 0x0000_2000))
PPB, DBGMCU_PAGE = 0xE000_0000, 0xE004_2000
# A loop that reads one register with the same result SPINS times, each at most SPIN_DISTANCE instructions
# after the last, waits for an event: time jumps to the next one.
SPINS, SPIN_DISTANCE, SPIN_PATIENCE = 16, 64, 2


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
        self.clocked = self.ALWAYS_CLOCKED  # kept up to date by RCC
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
        self._state = board.cpu.state
        self._pages: dict[int, tuple[int, Peripheral]] = {}
        self.failure: BaseException | None = None
        self._callbacks = []
        # For spin detection: the last read's address and value, at which instruction, how often in a row.
        self._spin_address = self._spin_value = self._spin_at = self._spins = 0
        self._spin_registers: list[int] = []
        for base, size in WINDOWS:
            self._map(base, size, self._read, self._write)
        self._map(DBGMCU_PAGE, 0x1000, self._read, self._write)
        # The private bus has its own callbacks: SysTick and NVIC are the hot ones.
        self._map(PPB, 0x1000, self._read_core, self._write_core)
        self._map(PPB + 0x2000, DBGMCU_PAGE - PPB - 0x2000, self._read_core, self._write_core)
        board.cpu.map_dwt(PPB + 0x1000, self._callback(MMIO_READ, self._read_core, PPB + 0x1000),
                          self._callback(MMIO_WRITE, self._write_core, PPB + 0x1000))  # fmt: skip

    def _callback(self, kind, method: Callable, base: int):
        """A C function pointer that calls `method(base + offset, size[, value])`; errors are kept for the run loop."""
        if kind is MMIO_READ:

            def call(_uc, offset, size, _data):
                try:
                    return 0 if self.failure is not None else method(base + offset, size)
                except BaseException as error:  # noqa: BLE001  (nothing may escape into C)
                    return self._fail(error, base + offset, size, "read")
        else:

            def call(_uc, offset, size, value, _data):
                try:
                    if self.failure is None:
                        method(base + offset, size, value & 0xFFFF_FFFF)
                except BaseException as error:  # noqa: BLE001
                    self._fail(error, base + offset, size, "write")

        pointer = kind(call)
        self._callbacks.append(pointer)
        return pointer

    def _map(self, base: int, size: int, read: Callable, write: Callable) -> None:
        self._board.cpu.map_io(base, size, self._callback(MMIO_READ, read, base), self._callback(MMIO_WRITE, write, base))

    def attach(self, base: int, peripheral: Peripheral) -> None:
        self._pages[base >> KB] = (base, peripheral)

    def find(self, address: int) -> tuple[Peripheral, int]:
        """The peripheral at an address and the offset in it; raises when there is none or it has no clock."""
        entry = self._pages.get(address >> KB)
        if entry is None:
            raise UnmappedAccess(f"access to {address:#010x}, where no modelled peripheral lies")
        base, peripheral = entry
        if not peripheral.clocked:
            name = peripheral.register_name(address - base)
            raise UnclockedAccess(f"access to {name} ({address:#010x}) while RCC gates its clock")
        return peripheral, address - base

    def _read(self, address: int, size: int) -> int:
        peripheral, offset = self.find(address)
        value = peripheral.read(offset, size)
        now = self._state.block_first
        if address != self._spin_address or value != self._spin_value or now - self._spin_at > SPIN_DISTANCE:
            self._spin_address, self._spin_value, self._spins = address, value, 0
        elif self._spins >= SPINS and self._waits():
            self._board.skip_to_event()
        else:
            self._spins += 1
        self._spin_at = now
        return value

    def _waits(self) -> bool:
        """Whether the polling loop does nothing else: a loop that counts its turns is left alone."""
        registers = self._board.cpu.general.read()
        same = registers == self._spin_registers
        self._spin_registers = registers
        if not same:
            self._spins = SPINS - SPIN_PATIENCE
        return same

    def _write(self, address: int, size: int, value: int) -> None:
        peripheral, offset = self.find(address)
        peripheral.write(offset, size, value)
        self._spins = 0

    def _read_core(self, address: int, size: int) -> int:
        return self._board.scs.read(address, size)

    def _write_core(self, address: int, size: int, value: int) -> None:
        self._board.scs.write(address, size, value)

    def _fail(self, error: BaseException, address: int, size: int, access: str) -> int:
        """Keep the error with its place; the run loop raises it when the slice has ended."""
        if isinstance(error, VBoardError):
            pc = self._board.locate(address, size, access)
            where = self._board.symbols.describe(pc)
            error = type(error)(f"{error}\n  {access} of {size} bytes at {address:#010x}, PC {where}")
        self.failure = error
        self._board.cpu.stop_now()
        return 0
