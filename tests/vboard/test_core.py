"""Exceptions, priorities, sleep, faults and time of the simulated Cortex-M7."""

from __future__ import annotations

import struct

import pytest

from tools.vboard import Lockup

SYSTICK = """
#define SYST_CSR W(0xE000E010)
#define SYST_RVR W(0xE000E014)
#define SYST_CVR W(0xE000E018)
"""


def test_systick_wakes_the_core_at_exact_times(bare):
    """time.sleep would be wrong: a tick every 16000 cycles of the 16 MHz reset clock, the core asleep between."""
    b = bare(SYSTICK + """
        volatile uint32_t ticks;
        void systick(void) { ticks++; }
        int main(void) { SYST_RVR = 15999; SYST_CVR = 0; SYST_CSR = 7; while (ticks < 10) __asm volatile("wfi"); return 0; }
    """)
    b.finish()
    assert b.now_s == pytest.approx(0.010, abs=2e-5)
    assert b.asleep_cycles > 0.99 * b.now_cycles()
    assert b.instructions < 1000


def test_pending_exceptions_run_in_order_of_priority_and_preempt(bare):
    """A key press could be served behind slower work: the more urgent handler must cut in, the less urgent wait."""
    b = bare("""
        volatile uint32_t trace[8], n;
        void irq_EXTI0(void) { trace[n++] = 1; W(0xE000E200) = 1 << 7; __asm volatile("dsb\\nisb"); trace[n++] = 2; }  /* pends EXTI1 */
        void irq_EXTI1(void) { trace[n++] = 3; W(0xE000E200) = 1 << 8; __asm volatile("dsb\\nisb"); trace[n++] = 4; }  /* pends EXTI2 */
        void irq_EXTI2(void) { trace[n++] = 5; }
        int main(void) {
            *(volatile uint8_t *)0xE000E406 = 0x80; *(volatile uint8_t *)0xE000E407 = 0x40; *(volatile uint8_t *)0xE000E408 = 0x40;
            W(0xE000E100) = 7 << 6;
            W(0xE000E200) = 1 << 6;
            __asm volatile("dsb\\nisb");
            trace[n++] = 6;
            return 0;
        }
    """)
    b.finish()
    assert [b.var("trace", i) for i in range(6)] == [1, 3, 4, 5, 2, 6]


def test_masks_hold_interrupts_back_until_they_are_lifted(bare):
    """Critical sections: nothing may run inside PRIMASK or a BASEPRI at its level, and at once after it."""
    b = bare("""
        volatile uint32_t count, inside, after, low, high;
        void irq_EXTI0(void) { count++; }
        int main(void) {
            *(volatile uint8_t *)0xE000E406 = 0x80;
            W(0xE000E100) = 1 << 6;
            __asm volatile("cpsid i"); W(0xE000E200) = 1 << 6; __asm volatile("dsb\\nisb"); inside = count;
            __asm volatile("cpsie i\\nisb"); after = count;
            __asm volatile("msr basepri, %0" : : "r"(0x80)); W(0xE000E200) = 1 << 6; __asm volatile("dsb\\nisb"); low = count;
            __asm volatile("msr basepri, %0\\nisb" : : "r"(0)); high = count;
            return 0;
        }
    """)
    b.finish()
    assert (b.var("inside"), b.var("after"), b.var("low"), b.var("high")) == (0, 1, 1, 2)


def test_wfi_ends_for_a_masked_interrupt(bare):
    """The port sleeps with interrupts off so that no wake-up is missed; that must not sleep for ever."""
    b = bare(SYSTICK + """
        volatile uint32_t ticks, seen;
        void systick(void) { ticks++; }
        int main(void) {
            SYST_RVR = 15999; SYST_CVR = 0; SYST_CSR = 7;
            __asm volatile("cpsid i\\nwfi"); seen = ticks + 100; __asm volatile("cpsie i\\nisb");
            return 0;
        }
    """)
    b.finish()
    assert b.var("seen") == 100
    assert b.var("ticks") == 1


def test_float_registers_survive_an_exception(bare):
    """A float computation interrupted by a handler that uses floats too would give a wrong number."""
    b = bare(SYSTICK + """
        volatile uint32_t ticks, bad;
        volatile float noise = 3.0f;
        void systick(void) { ticks++; noise = noise * 1.5f + 2.0f; }
        static float work(void) {
            float a = 1.0f, b = 0.5f, c = 0.25f, d = 3.0f;
            for (int i = 0; i < 20; i++) {
                a += b; b += c * 0.5f; c += d; d *= 1.01f;
                __asm volatile("" : "+t"(a), "+t"(b), "+t"(c), "+t"(d));
            }
            return a + b + c + d;
        }
        int main(void) {
            float alone = work();
            SYST_RVR = 999; SYST_CVR = 0; SYST_CSR = 7;
            for (int round = 0; round < 2000; round++) if (work() != alone) bad++;
            return 0;
        }
    """)
    b.finish()
    assert b.var("ticks") > 50
    assert b.var("bad") == 0


def test_svc_and_pendsv_and_stacks(bare):
    """Code that uses the process stack and supervisor calls must come back where it was."""
    b = bare("""
        volatile uint32_t order, msp_in_handler, psp_kept, control;
        static uint32_t stack[64];
        void svc(void) { order = order * 10 + 1; W(0xE000ED04) = 1 << 28; __asm volatile("mov %0, sp" : "=r"(msp_in_handler)); }
        void pendsv(void) { order = order * 10 + 2; }
        int main(void) {
            uint32_t top = (uint32_t)&stack[64];
            __asm volatile("msr psp, %0\\nmovs r3, #2\\nmsr control, r3\\nisb\\nsvc 7\\nmrs %1, psp\\nmrs %2, control\\nmovs r3, #0\\nmsr control, r3\\nisb"
                : : "r"(top), "r"(0), "r"(0) : "r3");
            order = order * 10 + 3;
            return 0;
        }
    """)
    b.finish()
    assert b.var("order") == 123
    assert 0x2000_0000 < b.var("msp_in_handler") <= 0x2001_0000


FAULT = """
    volatile uint32_t pc, cfsr, hfsr, mmfar, bfar, kind;
    static void report(uint32_t *frame, uint32_t k) { pc = frame[6]; cfsr = W(0xE000ED28); hfsr = W(0xE000ED2C); mmfar = W(0xE000ED34); bfar = W(0xE000ED38); kind = k; extern volatile uint32_t done; done = 1; halt(); }
    #define ENTRY(name, k) __attribute__((naked)) void name(void) { __asm volatile("mrs r0, msp\\nmovs r1, %0\\nb report" : : "i"(k)); }
    __attribute__((used)) static void report(uint32_t *frame, uint32_t k);
    ENTRY(hard_fault, 3) ENTRY(mem_manage, 4) ENTRY(bus_fault, 5) ENTRY(usage_fault, 6)
    __attribute__((noinline)) uint32_t peek(uint32_t a) { return W(a); }
"""
ALL_ON = "W(0xE000ED24) |= 7 << 16;"
GUARD = "W(0xE000ED98) = 0; W(0xE000ED9C) = 0; W(0xE000EDA0) = (1 << 28) | (31 << 1) | (0xA4 << 8) | 1;" \
    "W(0xE000ED98) = 1; W(0xE000ED9C) = 0x20000000; W(0xE000EDA0) = (3 << 24) | (18 << 1) | 1;" \
    "W(0xE000ED98) = 2; W(0xE000ED9C) = 0x08000000; W(0xE000EDA0) = (6 << 24) | (20 << 1) | 1; W(0xE000ED94) = 5;"


@pytest.mark.parametrize(
    ("setup", "access", "kind", "cfsr", "address"),
    [
        (ALL_ON + GUARD, "peek(0);", 4, 0x82, 0),
        (ALL_ON + GUARD, "W(16) = 1;", 4, 0x82, 16),
        (ALL_ON + GUARD, "W(0x08000000) = 1;", 4, 0x82, 0x0800_0000),
        (ALL_ON, "peek(0x30000000);", 5, 0x8200, 0x3000_0000),
        ("", "peek(0x30000000);", 3, 0x8200, 0x3000_0000),
        (ALL_ON, '__asm volatile("udf #1");', 6, 1 << 16, None),
        (ALL_ON, "((void (*)(void))0x20000000)();", 6, 1 << 17, None),
        (ALL_ON, "((void (*)(void))0x30000001)();", 5, 1 << 8, None),
    ],
)
def test_a_fault_tells_what_and_where(bare, setup, access, kind, cfsr, address):
    """The port's fault report is only as good as CFSR, the address and the stacked PC."""
    b = bare(FAULT + "int main(void) {" + setup + '__asm volatile("dsb\\nisb");' + access + "return 0; }")
    b.finish()
    assert b.var("kind") == kind
    assert b.var("cfsr") == cfsr
    assert b.var("hfsr") == (1 << 30 if kind == 3 else 0)
    if address is not None:
        assert b.var("mmfar" if kind == 4 else "bfar") == address
        assert b.symbols.name_at(b.var("pc")) in ("main", "peek", "reset_handler")


def test_a_fault_inside_the_fault_handler_locks_up(bare):
    """A board that locks up would sit there silently; the simulator says so and where."""
    b = bare("""
        void hard_fault(void) { W(0x30000000); }
        int main(void) { W(0x30000000); return 0; }
    """)
    with pytest.raises(Lockup, match="hard_fault"):
        b.finish()


def test_cycle_counter_counts_instructions_and_sleeps_in_wfi(bare):
    """Benchmarks on the board read DWT->CYCCNT."""
    b = bare(SYSTICK + """
        volatile uint32_t loop, slept;
        void systick(void) {}
        int main(void) {
            W(0xE000EDFC) = 1 << 24; W(0xE0001FB0) = 0xC5ACCE55; W(0xE0001004) = 0; W(0xE0001000) = 1;
            uint32_t t = W(0xE0001004);
            for (int i = 0; i < 1000; i++) __asm volatile("nop");
            loop = W(0xE0001004) - t;
            SYST_RVR = 15999; SYST_CVR = 0; SYST_CSR = 7;
            t = W(0xE0001004); __asm volatile("wfi"); slept = W(0xE0001004) - t;
            return 0;
        }
    """)
    b.finish()
    assert 3000 <= b.var("loop") <= 3030
    assert b.var("slept") < 100


def test_double_precision_instructions(bare):
    """struct.pack('d') and array('d') use the double-precision FPU that the STM32F769 has."""
    b = bare("""
        volatile double x = 1.5, y = -2.25, z[8]; volatile float f = 0.1f, g; volatile int32_t i = -7; volatile uint32_t less, conv;
        int main(void) {
            z[0] = x + y; z[1] = x * y; z[2] = x / y; z[3] = x - y; z[4] = f; g = x; z[5] = i; z[6] = -x; z[7] = __builtin_sqrt(2.0 + x);
            less = y < x; conv = (uint32_t)(int32_t)(y * 100.0);
            return 0;
        }
    """, fpu="fpv5-d16")
    b.finish()
    raw = bytes(b.cpu.memory.view(b.symbols.by_name["z"], 64))
    single = struct.unpack("f", struct.pack("f", 0.1))[0]
    assert struct.unpack("8d", raw) == (-0.75, -3.375, 1.5 / -2.25, 3.75, single, -7.0, -1.5, 3.5**0.5)
    assert b.var("less") == 1
    assert b.var("conv", signed=True) == -225
