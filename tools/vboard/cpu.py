"""The Cortex-M7 itself: Unicorn, its registers in bulk, running a slice, and why the slice ended."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

from unicorn import (
    UC_ARCH_ARM,
    UC_HOOK_BLOCK,
    UC_HOOK_INSN_INVALID,
    UC_HOOK_INTR,
    UC_HOOK_MEM_FETCH_PROT,
    UC_HOOK_MEM_FETCH_UNMAPPED,
    UC_HOOK_MEM_READ_PROT,
    UC_HOOK_MEM_READ_UNMAPPED,
    UC_HOOK_MEM_WRITE_PROT,
    UC_HOOK_MEM_WRITE_UNMAPPED,
    UC_MEM_FETCH_PROT,
    UC_MEM_FETCH_UNMAPPED,
    UC_MODE_MCLASS,
    UC_MODE_THUMB,
    Uc,
    UcError,
)
from unicorn import arm_const as arm
from unicorn.unicorn_py3.unicorn import uclib

from . import shim
from .memory import Memory

MMIO_READ = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint, ctypes.c_void_p)
MMIO_WRITE = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint, ctypes.c_uint64, ctypes.c_void_p
)
NOWHERE = 0xF000_0000  # an `until` address that no code reaches
OPCODE_WFI, OPCODE_WFE = b"\x30\xbf", b"\x20\xbf"

CORE_REGS = ["R0", "R1", "R2", "R3", "R12", "LR", "PC", "XPSR", "SP", "CONTROL", "PSP"]
MASK_REGS = ["PRIMASK", "FAULTMASK", "BASEPRI"]
ENTRY_REGS = ["SP", "XPSR", "CONTROL", "LR", "PC"]  # XPSR's exception number also switches to the main stack
LEAVE_REGS = ["IPSR", "CONTROL", "SP", "R0", "R1", "R2", "R3", "R12", "LR", "XPSR", "PC"]
FLOAT_REGS = [f"S{i}" for i in range(16)] + ["FPSCR"]
HIGH_FLOAT_REGS = [f"S{i}" for i in range(16, 32)]
REG_ID = {
    name: getattr(arm, f"UC_ARM_REG_{name}")
    for name in [*CORE_REGS, *MASK_REGS, *FLOAT_REGS, *HIGH_FLOAT_REGS, "IPSR", "MSP", *(f"R{i}" for i in range(13))]
}


class Bulk:
    """Reads or writes a fixed list of 32-bit registers in one call."""

    def __init__(self, uc: Uc, names: list[str]) -> None:
        n = len(names)
        self._handle, self._n = uc._uch, n
        self._ids = (ctypes.c_int * n)(*(REG_ID[name] for name in names))
        self.values = (ctypes.c_uint64 * n)()
        base = ctypes.addressof(self.values)
        self._pointers = (ctypes.c_void_p * n)(*(base + 8 * i for i in range(n)))

    def read(self) -> list[int]:
        uclib.uc_reg_read_batch(self._handle, self._ids, self._pointers, self._n)
        return [v & 0xFFFF_FFFF for v in self.values]

    def write(self, values: list[int]) -> None:
        self.values[:] = values
        uclib.uc_reg_write_batch(self._handle, self._ids, self._pointers, self._n)


@dataclass
class Stop:
    """Why a slice ended. kind: limit, wfi, svc, bkpt, return, fault, undefined."""

    kind: str
    pc: int = 0
    address: int = 0
    access: str = ""  # of a fault: read, write or fetch


class Cpu:
    """Registers, hooks and slices. `on_write(address, size, value) -> bool` sees writes to read-only memory."""

    def __init__(self) -> None:
        self.uc = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
        self.uc.ctl_set_cpu_model(arm.UC_CPU_ARM_CORTEX_M7)
        self.memory = Memory(self.uc)
        self.state = self._make_state()
        self._hook_block()
        uc = self.uc
        uc.hook_add(UC_HOOK_INTR, self._on_interrupt)
        uc.hook_add(UC_HOOK_INSN_INVALID, self._on_undefined)
        uc.hook_add(UC_HOOK_MEM_READ_UNMAPPED | UC_HOOK_MEM_WRITE_UNMAPPED | UC_HOOK_MEM_FETCH_UNMAPPED
                    | UC_HOOK_MEM_READ_PROT | UC_HOOK_MEM_FETCH_PROT, self._on_bad_access)  # fmt: skip
        uc.hook_add(UC_HOOK_MEM_WRITE_PROT, self._on_write_protected)
        self.core = Bulk(uc, CORE_REGS)
        self.floats = Bulk(uc, FLOAT_REGS)
        self.masks = Bulk(uc, MASK_REGS)
        self.general = Bulk(uc, [*(f"R{i}" for i in range(13)), "SP", "LR"])
        self.entry = Bulk(uc, ENTRY_REGS)
        self.leave = Bulk(uc, LEAVE_REGS)
        self._handle = uc._uch
        self._one = ctypes.c_uint64()
        self._one_pointer = ctypes.byref(self._one)
        self.on_write = None
        self.running = False
        self._stop: Stop | None = None

    def _make_state(self) -> shim.State:
        m = self.memory
        s = shim.State()
        s.flash_base, s.flash_bytes, s.flash = m.flash.base, m.flash.size, m.flash.address
        s.itcm_base, s.itcm_bytes, s.itcm = m.itcm.base, m.itcm.size, m.itcm.address
        s.ram_base, s.ram_bytes, s.ram = m.ram.base, m.ram.size, m.ram.address
        self.counts = (ctypes.c_uint32 * (m.flash.size // 2))()
        self.flash_profile = (ctypes.c_uint64 * (m.flash.size // 2))()
        s.flash_counts = ctypes.addressof(self.counts)
        s.flash_profile = ctypes.addressof(self.flash_profile)
        s.emu_stop = ctypes.cast(uclib.uc_emu_stop, ctypes.c_void_p).value
        s.reg_read = ctypes.cast(uclib.uc_reg_read, ctypes.c_void_p).value
        s.reg_id[:] = [arm.UC_ARM_REG_BASEPRI, arm.UC_ARM_REG_PRIMASK, arm.UC_ARM_REG_FAULTMASK]
        return s

    def _hook_block(self) -> None:
        self._library = shim.load()
        handle = ctypes.c_size_t()
        status = uclib.uc_hook_add(
            self.uc._uch, ctypes.byref(handle), UC_HOOK_BLOCK,
            ctypes.cast(self._library.vb_block, ctypes.c_void_p), ctypes.byref(self.state),
            ctypes.c_uint64(1), ctypes.c_uint64(0),
        )  # fmt: skip
        if status:
            raise UcError(status)

    def map_io(self, base: int, size: int, read, write) -> None:
        """Map an I/O window to two C function pointers, which must be kept alive."""
        uclib.uc_mmio_map(self.uc._uch, ctypes.c_uint64(base), ctypes.c_size_t(size), read, None, write, None)

    def map_dwt(self, base: int, read, write) -> None:
        """The DWT's page: the cycle counter is read in C, because programs poll it; the rest is `read`'s."""
        self.state.dwt_read = ctypes.cast(read, ctypes.c_void_p).value
        fast = ctypes.cast(self._library.vb_dwt_read, ctypes.c_void_p)
        state = ctypes.byref(self.state)
        uclib.uc_mmio_map(self.uc._uch, ctypes.c_uint64(base), ctypes.c_size_t(0x1000), fast, state, write, None)

    # ---- registers

    def get(self, name: str) -> int:
        uclib.uc_reg_read(self._handle, REG_ID[name], self._one_pointer)
        return self._one.value & 0xFFFF_FFFF

    def set(self, name: str, value: int) -> None:
        self._one.value = value
        uclib.uc_reg_write(self._handle, REG_ID[name], self._one_pointer)

    @property
    def instructions(self) -> int:
        """Retired instructions; inside a callback, those before the current block."""
        return self.state.block_first if self.running else self.state.instructions

    # ---- one slice

    def break_soon(self) -> None:
        """End the slice before the next block."""
        self.state.limit = 0

    def stop_now(self) -> None:
        """End the slice from inside a callback; what is left of the block may still run."""
        self.state.stopped = 1
        self.state.limit = 0
        uclib.uc_emu_stop(self._handle)

    def run(self, limit: int) -> Stop:
        """Run until `limit` instructions in total have retired (to the end of the block), or something happens."""
        s = self.state
        s.limit, s.stopped = limit, 0
        self._stop = None
        pc = self.get("PC")
        self.running = True
        s.block_first = s.instructions
        s.block_bytes = 0
        status = uclib.uc_emu_start(self._handle, pc | 1, NOWHERE, 0, 0)
        self.running = False
        stop = self._stop
        if self.uc._hook_exception is not None:
            failure, self.uc._hook_exception = self.uc._hook_exception, None
            raise failure
        if status and stop is None:
            raise UcError(status)
        if stop is None:
            pc = self.get("PC")
            if not s.stopped and self.code(pc - 2, 2) == OPCODE_WFI:
                return Stop("wfi", pc)
            return Stop("limit", pc)
        if stop.kind in ("fault", "undefined", "bkpt"):
            self._uncount_from(stop.pc)
        return stop

    def _uncount_from(self, pc: int) -> None:
        """A block that was left in the middle has retired only what lies before `pc`."""
        s = self.state
        if s.block_bytes and s.block_address <= pc < s.block_address + s.block_bytes:
            s.instructions = s.block_first + self.count(s.block_address, pc)

    def count(self, start: int, end: int) -> int:
        """Instructions between two addresses of one block."""
        code = self.code(start, end - start)
        n = i = 0
        while i < len(code):
            i += 4 if code[i + 1] >= 0xE8 else 2
            n += 1
        return n

    def code(self, address: int, size: int) -> bytes:
        view = self.memory.view(address & 0xFFFF_FFFF, size)
        return bytes(view) if view is not None else bytes(size)

    def forget_code(self, start: int, end: int) -> None:
        """Code memory changed behind Unicorn's back."""
        flash = self.memory.flash
        if flash.base <= start < flash.base + flash.size:
            first = (start - flash.base) // 2
            ctypes.memset(ctypes.addressof(self.counts) + 4 * first, 0, 2 * (end - start))
        self.uc.ctl_remove_cache(start, end)

    # ---- hooks

    def _on_interrupt(self, uc: Uc, number: int, _data) -> None:
        kinds = {2: "svc", 7: "bkpt", 8: "return"}
        self._stop = Stop(kinds.get(number, "undefined"), self.get("PC"))
        uc.emu_stop()

    def _on_undefined(self, uc: Uc, _data) -> bool:
        pc = self.get("PC")
        if self.code(pc - 2, 2) == OPCODE_WFE and self.get("XPSR") >> 24 & 1:
            # Unicorn has no event register. Waking at once is what the architecture allows.
            self._stop = Stop("limit", pc)
        else:
            self._stop = Stop("undefined", pc)
        return False

    def _on_bad_access(self, uc: Uc, access: int, address: int, size: int, value: int, _data) -> bool:
        fetch = access in (UC_MEM_FETCH_UNMAPPED, UC_MEM_FETCH_PROT)
        kind = "fetch" if fetch else "read" if access in (19, 23) else "write"
        self._stop = Stop("fault", self.get("PC"), address, kind)
        return False

    def _on_write_protected(self, uc: Uc, access: int, address: int, size: int, value: int, data) -> bool:
        if self.on_write is not None and self.on_write(address, size, value & ((1 << 8 * size) - 1)):
            return True
        return self._on_bad_access(uc, access, address, size, value, data)
