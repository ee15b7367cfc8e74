"""machine.Timer and machine.RTC against the board's virtual clock."""

import pytest


def test_periods(run) -> None:
    """A timer would come too early, too late, once too often or not at all."""
    assert run("""
from machine import Timer
import time
seen = []
start = time.ticks_ms()
def note(name):
    return lambda timer: seen.append((name, time.ticks_ms() - start))
once = Timer(mode=Timer.ONE_SHOT, period=25, callback=note("once"))
often = Timer(-1, freq=100, callback=note("often"))
time.sleep_ms(45)
often.deinit()
time.sleep_ms(30)
print(seen)
print(often, once)
""") == ["[('often', 10), ('often', 20), ('once', 25), ('often', 30), ('often', 40)]",
         "Timer(-1, mode=Timer.PERIODIC, period=10) stopped Timer(-1, mode=Timer.ONE_SHOT, period=25) stopped"]


def test_hard_callbacks_come_while_python_is_busy(run) -> None:
    """A hard callback would wait for a function in C or a native loop to end."""
    assert run("""
from machine import Timer
import time
count = 0
def tick(timer):
    global count
    count += 1
timer = Timer(period=1, callback=tick, hard=True)
time.sleep_us(20500)
timer.deinit()
print(19 <= count <= 21)
""") == ["True"]


def test_a_failing_hard_callback_stops_its_timer(run) -> None:
    """One mistake in a callback would print a traceback a thousand times a second."""
    assert run("""
from machine import Timer
import time
timer = Timer(period=1, callback=lambda timer: [0] * 100, hard=True)
time.sleep_ms(10)
print(timer)
""") == ["Uncaught exception in IRQ callback handler", "MemoryError: ", "Timer(-1, mode=Timer.PERIODIC, period=1) stopped"]


def test_a_timer_that_nobody_holds_goes_on(run) -> None:
    """The garbage collector would take a running timer away, or its callback."""
    assert run("""
from machine import Timer
import gc, time
count = []
for i in range(5):
    Timer(period=3, callback=lambda timer, i=i: count.append(i))
for _ in range(6):
    gc.collect()
    [[] for _ in range(200)]
    time.sleep_ms(3)
print(sorted(set(count)))
""") == ["[0, 1, 2, 3, 4]"]


@pytest.mark.parametrize("arguments", ["freq=0", "freq=1e6", "period=0", "period=1 << 30", "mode=5", "callback=4"])
def test_wrong_timers_are_refused(run, arguments: str) -> None:
    """A wrong period would stall the board in its interrupt."""
    (line,) = run(f"""
from machine import Timer
try:
    print("made", Timer({arguments}))
except ValueError as error:
    print(error)
""")
    assert "must be" in line


def test_rtc_keeps_what_was_set(run) -> None:
    """Files would get wrong dates, and logs too."""
    assert run("""
from machine import RTC
import time
rtc = RTC()
rtc.datetime((2026, 11, 20, 0, 23, 59, 59, 500000))
before = time.time_ns()
print(rtc.datetime()[:7], time.localtime()[:6])
time.sleep_ms(1000)
print(rtc.datetime()[:7], time.localtime()[:6])
print(abs(time.time_ns() - before - 1_000_000_000) < 5_000_000, time.time() == time.mktime(time.localtime()))
""") == ["(2026, 11, 20, 4, 23, 59, 59) (2026, 11, 20, 23, 59, 59)",
         "(2026, 11, 21, 5, 0, 0, 0) (2026, 11, 21, 0, 0, 0)", "True True"]


def test_rtc_goes_on_over_a_soft_reset(run, machine_board) -> None:
    """The clock would start anew each time that main.py is restarted."""
    run("from machine import RTC\nRTC().datetime((2030, 1, 2, 0, 3, 4, 5, 0))")
    machine_board.write(b"\x04")
    machine_board.read_until(b">>> ")
    assert run("import time\nprint(time.localtime()[:5])") == ["(2030, 1, 2, 3, 4)"]


@pytest.mark.parametrize("datetime", ["(1999, 1, 1, 0, 0, 0, 0, 0)", "(2023, 2, 29, 0, 0, 0, 0, 0)", "(2024, 2, 28, 0, 24, 0, 0, 0)",
                                      "(2024, 13, 1, 0, 0, 0, 0, 0)", "(2024, 1, 1)"])  # fmt: skip
def test_rtc_refuses_what_is_no_date(run, datetime: str) -> None:
    """A wrong date would become another one."""
    assert run(f"""
from machine import RTC
try:
    RTC().datetime({datetime})
    print("set")
except ValueError:
    print("refused")
""") == ["refused"]
