"""Exceptions of ARMv7-M: pending, enabled, priorities, entry, return, and faults.

Exception numbers are the architecture's: 2 NMI, 3 HardFault, 4 MemManage, 5 BusFault, 6 UsageFault,
11 SVCall, 14 PendSV, 15 SysTick, 16 + n for interrupt n. Smaller priority numbers are more urgent.
"""

from __future__ import annotations

import struct

from .cpu import CORE_REGS, Cpu, Stop
from .errors import Lockup

NMI, HARD_FAULT, MEM_MANAGE, BUS_FAULT, USAGE_FAULT, SVCALL, PENDSV, SYSTICK = 2, 3, 4, 5, 6, 11, 14, 15
INTERRUPTS = 110
FIXED_PRIORITY = {1: -3, NMI: -2, HARD_FAULT: -1}
THREAD_PRIORITY = 256

CFSR_IACCVIOL, CFSR_DACCVIOL, CFSR_MSTKERR, CFSR_MMARVALID = 1 << 0, 1 << 1, 1 << 4, 1 << 7
CFSR_IBUSERR, CFSR_PRECISERR, CFSR_BFARVALID = 1 << 8, 1 << 9, 1 << 15
CFSR_UNDEFINSTR, CFSR_INVSTATE, CFSR_INVPC = 1 << 16, 1 << 17, 1 << 18
HFSR_FORCED = 1 << 30
CONTROL_SPSEL, CONTROL_FPCA = 2, 4
XPSR_T, XPSR_ALIGN = 1 << 24, 1 << 9
(R0, R1, R2, R3, R12, LR, PC, XPSR, SP, CONTROL, PSP) = range(len(CORE_REGS))


class Nvic:
    """State of all exceptions. `vtor`, fault status and `prigroup` are what the SCB registers show."""

    def __init__(self, cpu: Cpu) -> None:
        self._cpu = cpu
        self._guard = None  # set by the MPU: (address, access) -> True when it forbids the access
        self.reset()

    def reset(self) -> None:
        self.pending: set[int] = set()
        self.enabled: set[int] = {NMI, HARD_FAULT, SVCALL, PENDSV, SYSTICK}
        self.active: list[int] = []
        self.priority = [0] * (16 + INTERRUPTS)
        self.level: set[int] = set()  # interrupt lines held up by a peripheral
        self.prigroup = 0
        self.vtor = 0x0020_0000
        self.cfsr = self.hfsr = self.mmfar = self.bfar = 0
        self.ccr = 0x0004_0200
        self.taken = 0  # exceptions entered since reset
        self._cpu.state.watch = 0

    # ---- lines

    def set_pending(self, number: int) -> None:
        self.pending.add(number)
        if self._cpu.running:
            self._cpu.break_soon()

    def clear_pending(self, number: int) -> None:
        self.pending.discard(number)

    def line(self, irq: int, high: bool) -> None:
        """A peripheral's interrupt output. While it is high the interrupt pends again on return."""
        number = 16 + irq
        if high:
            if number not in self.level:
                self.level.add(number)
                if number not in self.active:
                    self.set_pending(number)
        elif number in self.level:
            self.level.discard(number)
            # A level that went away before it was served leaves the pending bit, as on hardware.

    def enable(self, number: int, on: bool) -> None:
        if on:
            self.enabled.add(number)
            if self._cpu.running:
                self._cpu.break_soon()
        else:
            self.enabled.discard(number)

    # ---- priorities

    def priority_of(self, number: int) -> int:
        return FIXED_PRIORITY.get(number, self.priority[number])

    def group(self, priority: int) -> int:
        """The part of a priority that pre-empts."""
        return priority if priority < 0 else priority & (0xFFFF_FE00 << self.prigroup >> 8) & 0xFF

    def active_priority(self) -> int:
        return min((self.group(self.priority_of(n)) for n in self.active), default=THREAD_PRIORITY)

    def best_pending(self) -> int | None:
        ready = self.pending & self.enabled
        return min(ready, key=lambda n: (self.priority_of(n), n)) if ready else None

    def would_wake(self) -> bool:
        """WFI ends when an exception would be taken if PRIMASK were clear."""
        number = self.best_pending()
        if number is None:
            return False
        group = self.group(self.priority_of(number))
        base = self._cpu.get("BASEPRI")
        return group < self.active_priority() and (base == 0 or group < self.group(base))

    def next_exception(self) -> int | None:
        """The exception to take now. A masked one arms the block hook's watch."""
        state = self._cpu.state
        state.watch = 0
        if not self.pending:
            return None
        number = self.best_pending()
        if number is None:
            return None
        group = self.group(self.priority_of(number))
        if group >= self.active_priority():
            return None
        if number == NMI:
            return number
        primask, faultmask, base = self._cpu.masks.read()
        base = self.group(base)
        masked = faultmask & 1 or (group >= 0 and primask & 1) or (base != 0 and group >= base)
        if masked:
            state.watch, state.watch_priority = 1, max(group, 0)
            return None
        return number

    # ---- entry and return

    def enter(self, number: int) -> None:
        """Stack the context and start the handler."""
        cpu = self._cpu
        regs = cpu.core.read()
        float_context = bool(regs[CONTROL] & CONTROL_FPCA)
        size = 104 if float_context else 32
        # CCR.STKALIGN is fixed at 1 on the M7: frames lie on 8 bytes.
        frame = regs[SP] - size & ~7
        xpsr = regs[XPSR] & ~XPSR_ALIGN | (XPSR_ALIGN if (regs[SP] - size) & 4 else 0)
        words = [*regs[R0 : R12 + 1], regs[LR], regs[PC], xpsr]
        if float_context:
            words += [*cpu.floats.read(), 0]
        view = cpu.memory.view(frame, 4 * len(words))
        if view is None:
            number = self._stacking_failed(number, frame)
        else:
            view[:] = struct.pack(f"<{len(words)}I", *words)
        thread = not self.active
        exc_return = 0xFFFF_FFE1 | (0 if float_context else 0x10) | (8 if thread else 0)
        if thread and regs[CONTROL] & CONTROL_SPSEL:
            exc_return |= 4
        handler_view = cpu.memory.view(self.vtor + 4 * number, 4)
        handler = int.from_bytes(handler_view, "little") if handler_view is not None else 0
        self.pending.discard(number)
        self.active.append(number)
        self.taken += 1
        cpu.entry.write([frame, XPSR_T | number, regs[CONTROL] & ~CONTROL_FPCA, exc_return, handler | 1])

    def _stacking_failed(self, number: int, frame: int) -> int:
        """The stack is exhausted: the fault of the stacking is entered instead, without a frame (a derived exception)."""
        if number in (NMI, HARD_FAULT):
            raise Lockup(f"stack at {frame:#010x} is no memory, entering exception {number}")
        self.cfsr |= CFSR_MSTKERR
        if MEM_MANAGE in self.enabled and self.group(self.priority_of(MEM_MANAGE)) < self.group(self.priority_of(number)):
            return MEM_MANAGE
        self.hfsr |= HFSR_FORCED
        return HARD_FAULT

    def leave(self, exc_return: int) -> None:
        """EXC_RETURN reached PC: unstack. Back-to-back exceptions are entered from the main loop."""
        cpu = self._cpu
        number = self.active.pop() if self.active else 0
        if number == 0:
            raise Lockup(f"exception return {exc_return:#010x} with no active exception")
        if number != HARD_FAULT and number != NMI:
            cpu.set("FAULTMASK", 0)
        if number in self.level:
            self.pending.add(number)
        regs = cpu.core.read()
        control = regs[CONTROL] & ~(CONTROL_SPSEL | CONTROL_FPCA)
        frame = regs[SP]
        if exc_return & 4:
            control |= CONTROL_SPSEL
            frame = regs[PSP]
        float_context = not exc_return & 0x10
        size = 104 if float_context else 32
        view = cpu.memory.view(frame, size)
        if view is None:
            raise Lockup(f"stack at {frame:#010x} is no memory, leaving exception {number}")
        words = struct.unpack(f"<{size // 4}I", view)
        if float_context:
            cpu.floats.write(words[8:25])
            control |= CONTROL_FPCA
        xpsr = words[7]
        sp = frame + size + (4 if xpsr & XPSR_ALIGN else 0)
        ipsr = self.active[-1] if self.active else 0
        cpu.leave.write([ipsr, control, sp, *words[:6], xpsr & ~XPSR_ALIGN, words[6] | 1])

    # ---- faults

    def fault(self, stop: Stop) -> None:
        """Turn a bad access or instruction into the exception that hardware raises."""
        if stop.kind == "undefined":
            t_bit = self._cpu.get("XPSR") & XPSR_T
            number, status = USAGE_FAULT, CFSR_UNDEFINSTR if t_bit else CFSR_INVSTATE
        elif stop.kind == "bkpt":
            number, status = HARD_FAULT, 0
            self.hfsr |= 1 << 31
        elif self._guard is not None and self._guard(stop.address, stop.access):
            number = MEM_MANAGE
            status = CFSR_IACCVIOL if stop.access == "fetch" else CFSR_DACCVIOL | CFSR_MMARVALID
            self.mmfar = stop.address
        else:
            number = BUS_FAULT
            status = CFSR_IBUSERR if stop.access == "fetch" else CFSR_PRECISERR | CFSR_BFARVALID
            self.bfar = stop.address
        self.cfsr |= status
        now = self.active_priority()
        if self._cpu.get("FAULTMASK") & 1:
            now = min(now, -1)
        elif self._cpu.get("PRIMASK") & 1:
            now = min(now, 0)
        if number not in self.enabled or self.group(self.priority_of(number)) >= now:
            self.hfsr |= HFSR_FORCED if number != HARD_FAULT else 0
            number = HARD_FAULT
            if now <= -1:
                raise Lockup(f"{stop.kind} at {stop.pc:#010x} (address {stop.address:#010x}) inside HardFault or NMI")
        self.enter(number)

    def supervisor_call(self) -> None:
        now = self.active_priority()
        if self.group(self.priority_of(SVCALL)) >= now or self._cpu.get("PRIMASK") & 1:
            self.hfsr |= HFSR_FORCED
            self.enter(HARD_FAULT)
        else:
            self.enter(SVCALL)
