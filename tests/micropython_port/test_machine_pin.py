"""machine.Pin: names, modes, values and interrupts, as a script sees them and as the pin's level shows them."""

import pytest


def test_names_lead_to_the_same_pin(run) -> None:
    """A script could not find a pin by one of the three ways of naming it."""
    assert run("""
from machine import Pin
red = Pin("LED_RED")
print(Pin("PJ13") is red, Pin(("J", 13)) is red, Pin.board.LED_RED is red, Pin.cpu.J13 is red, Pin(red) is red)
print(red, Pin("PK7"), "LED_GREEN" in dir(Pin.board))
""") == ["True True True True True", 'Pin("PJ13", mode=Pin.IN) Pin("PK7", mode=Pin.IN) True']


@pytest.mark.parametrize("name", ['"PL0"', '"PK8"', '"PA16"', '"PA01"', '"pa0"', '"P"', '""', "5", '("A", 16)', '("K", 8)', '("AB", 1)', '("A",)'])
def test_a_wrong_name_says_what_is_right(run, name: str) -> None:
    """A typing error would drive some other pin, or give no hint."""
    (line,) = run(f"""
from machine import Pin
try:
    print("made", Pin({name}))
except ValueError as error:
    print(error)
""")
    assert "PJ13" in line or "length" in line


@pytest.mark.parametrize("arguments", ["77", "Pin.IN, 9", "Pin.ALT, alt=16", "-2"])
def test_wrong_arguments_are_refused(run, arguments: str) -> None:
    """A wrong mode would be written into the registers of neighbouring pins."""
    (line,) = run(f"""
from machine import Pin
try:
    print("made", Pin("PA0", {arguments}))
except ValueError as error:
    print(error)
""")
    assert line.startswith(("mode", "pull", "alt"))


def test_output(run, machine_board) -> None:
    """A light would not follow the script."""
    seen = []
    run('from machine import Pin\nled = Pin("LED_RED", Pin.OUT, value=1)')
    seen.append(machine_board.pin("PJ13"))
    for call in ("off()", "on()", "low()", "high()", "toggle()", "toggle()", "value(0)", "value(True)"):
        run(f"led.{call}")
        seen.append(machine_board.pin("PJ13"))
    run("led(0)")
    seen.append(machine_board.pin("PJ13"))
    assert seen == [1, 0, 1, 0, 1, 0, 1, 0, 1, 0]


def test_input_pulls_and_modes(run, machine_board) -> None:
    """A button would be read wrongly, or a pull-up be missing."""
    assert run("""
from machine import Pin
p = Pin("PG1", Pin.IN, Pin.PULL_UP)
print(p.value(), p.pull() == Pin.PULL_UP, p.mode() == Pin.IN)
p.init(Pin.IN, Pin.PULL_DOWN)
print(p.value(), p.pull() == Pin.PULL_DOWN)
p.pull(None)
print(p.pull())
p.init(Pin.OPEN_DRAIN, Pin.PULL_UP, value=1)
print(p.value(), p.mode() == Pin.OPEN_DRAIN)
p.off()
print(p.value())
p.mode(Pin.ANALOG)
print(p)
""") == ["1 True True", "0 True", "None", "1 True", "0", 'Pin("PG1", mode=Pin.ANALOG)']
    machine_board.set_pin("PA0", 1)
    assert run('print(Pin("BUTTON", Pin.IN).value())') == ["1"]
    machine_board.set_pin("PA0", 0)
    assert run('print(Pin("BUTTON").value())') == ["0"]


def test_interrupts_on_edges(run, machine_board) -> None:
    """A press of the button would be missed, or be seen twice."""
    run("""
from machine import Pin
seen = []
button = Pin("BUTTON", Pin.IN)
irq = button.irq(lambda pin: seen.append((pin is button, pin.value(), irq.flags())), Pin.IRQ_RISING | Pin.IRQ_FALLING)
""")
    for level in (1, 0, 1):
        machine_board.set_pin("PA0", level)
        machine_board.run(0.002)
    assert run("print(seen, irq.trigger() == Pin.IRQ_RISING | Pin.IRQ_FALLING)") == ["[(True, 1, 1), (True, 0, 2), (True, 1, 1)] True"]
    run("seen.clear()\nbutton.irq(lambda pin: seen.append(pin.value()), Pin.IRQ_FALLING)")
    for level in (0, 1, 0):
        machine_board.set_pin("PA0", level)
        machine_board.run(0.002)
    assert run("print(seen)") == ["[0, 0]"]
    run("button.irq(None)")
    machine_board.set_pin("PA0", 1)
    machine_board.set_pin("PA0", 0)
    assert run("print(seen)") == ["[0, 0]"]


def test_every_line_has_its_interrupt(run) -> None:
    """An interrupt would work on pin 0 and not on pin 12: the lines share their interrupts in groups."""
    assert run("""
from machine import Pin
import time
count = [0] * 16
def handler(pin):
    count[int(str(pin)[7:].split('"')[0])] += 1
for i in range(16):
    pin = Pin(("H", i), Pin.OUT, value=0)
    pin.irq(handler, Pin.IRQ_RISING)
    for level in (1, 0, 1, 0):
        pin.value(level)
        time.sleep_ms(1)
print(count)
""") == [str([2] * 16)]


def test_a_hard_handler_runs_at_once_and_may_not_allocate(run, machine_board) -> None:
    """A hard interrupt would come late, or corrupt the heap."""
    assert run("""
from machine import Pin
count = 0
def hard(pin):
    global count
    count += 1
pin = Pin("PH3", Pin.OUT, value=0)
pin.irq(hard, Pin.IRQ_RISING, hard=True)
pin.on(); seen = count
print(seen)
def bad(pin):
    [0] * 100
pin.off()
pin.irq(bad, Pin.IRQ_RISING, hard=True)
pin.on(); pin.off(); pin.on()
print(count)
""") == ["1", "Uncaught exception in IRQ callback handler", "MemoryError: ", "1"]


def test_soft_reset_forgets_interrupts(run, machine_board) -> None:
    """After a soft reset, an edge would call into a heap that has been swept."""
    run('from machine import Pin\nPin("BUTTON", Pin.IN).irq(lambda pin: print("old"), Pin.IRQ_RISING)')
    machine_board.write(b"\x04")
    machine_board.read_until(b">>> ")
    machine_board.set_pin("PA0", 0)
    machine_board.set_pin("PA0", 1)
    machine_board.run(0.01)
    machine_board.set_pin("PA0", 0)
    assert b"old" not in machine_board.read()


def test_signal(run, machine_board) -> None:
    """machine.Signal would not work with this port's pins."""
    run('from machine import Pin, Signal\nlamp = Signal(Pin("LED_GREEN", Pin.OUT), invert=True)\nlamp.on()')
    assert machine_board.pin("PJ5") == 0
    assert run("lamp.off(); print(lamp.value())") == ["0"]
    assert machine_board.pin("PJ5") == 1
