"""The app on the virtual board: the firmware that is flashed, driven over its serial port while audio plays."""

import json

import numpy as np
import pytest

from tools.vboard import Board, ExecError

RATE_HZ = 16000
LED = "PJ5"
START = "from app import App\napp = App()\n"


@pytest.fixture
def listening(firmware_elf, romfs_image):
    """A board that hears a quiet noise, with `app` made but not started."""
    rng = np.random.default_rng(5)
    noise = (rng.standard_normal(60 * RATE_HZ) * 30).astype(np.int16)
    board = Board(firmware_elf, audio=noise, romfs=romfs_image)
    board.boot()
    board.exec(START)
    yield board


def stats(board) -> dict:
    return json.loads(board.exec("import json\nprint(json.dumps(app.stats()))"))


def typed(board, line: str) -> str:
    """What the friendly prompt answers to a line."""
    board.write(line.encode() + b"\r")
    return board.read_until(b"\r\n>>> ", 5.0).decode().partition("\r\n")[2].removesuffix("\r\n>>> ")


def test_prompt_stays_usable(listening):
    """While it listens, the prompt answers, nothing is lost, and statistics move on."""
    listening.exec("app.start()")
    for k in range(10):
        assert typed(listening, f"{k} * {k}") == str(k * k)
        listening.run(0.1)
    counted = stats(listening)
    assert counted["overruns"] == 0 and counted["errors"] == 0 and counted["running"]
    # A frame is 480 samples, the next one begins 320 later.
    assert counted["frames"] == 1 + (round(counted["seconds"] * RATE_HZ) - 480) // 320 > 40
    assert 0 < counted["load_mean_percent"] < 100


# A detector that may report silence: it is what the board hears all the time, so only its threshold stands in between.
ANY_CLASS = """
from detector import Detector
names = [label.strip("_") for label in app.model.labels]
app.detector = Detector(names, app.model.scale, app.model.zero_point, 1, 0, {name: 1.0 for name in names})
"""


@pytest.mark.parametrize("phase_ms", [0, 13, 26, 39, 52, 65, 78])
def test_threshold_counts_within_100_ms(listening, phase_ms):
    """A threshold typed at the prompt decides within 100 ms of virtual time, and no sample is lost over it.

    Seen from outside: from the end of the line on the serial port to the LED of the detection. The phases put the line
    at different moments between two decisions.
    """
    board = listening
    board.exec(ANY_CLASS + "app.start()")
    board.run(1.5)
    average = "max((app.detector.average(i), n) for i, n in enumerate(names))[1]"
    name = board.exec(f"print({average})").strip()
    board.run(phase_ms / 1000)
    assert board.pin(LED) == 0
    before = stats(board)
    line = f'app.threshold["{name}"] = 0.05'.encode()
    board.write(line)
    board.run(len(line) * 10 / 115200 + 0.005)
    board.write(b"\r")
    begin = board.now_s
    board.run_until(lambda: board.pin(LED) == 1, 1.0)
    took_s = board.now_s - begin
    after = stats(board)
    assert took_s <= 0.1, f"{took_s * 1000:.0f} ms"
    assert after["overruns"] == 0 and after["errors"] == 0
    assert after["decisions"] > before["decisions"]
    assert after["frames"] == 1 + (round(after["seconds"] * RATE_HZ) - 480) // 320
    # Continuous: what was counted is what has been heard, less what is still in the buffers.
    behind_s = board.audio_pos_s - after["seconds"]
    assert 0 <= behind_s < 0.3, behind_s


def test_ctrl_c_ends_follow_and_listening_goes_on(listening):
    """Ctrl-C gives the prompt back; the app has not missed anything meanwhile."""
    board = listening
    board.exec("app.start()")
    board.write(b"app.follow()\r")
    board.run(1.0)
    board.read()
    board.write(b"\x03")
    assert b"still listening" in board.read_until(b">>> ")
    before = stats(board)
    board.run(0.5)
    after = stats(board)
    assert after["running"] and after["overruns"] == 0 and after["errors"] == 0
    assert after["frames"] >= before["frames"] + 25


def test_start_and_stop_leak_nothing(listening):
    """Whoever starts and stops all day must not run out of memory."""
    board = listening
    free = "import gc\ngc.collect()\nprint(gc.mem_free())"
    cycle = "import time\nfor _ in range({}):\n    app.start()\n    time.sleep_ms(60)\n    app.stop()\n"
    board.exec(cycle.format(12), timeout_s=10)
    board.exec(free)
    before = int(board.exec(free))
    board.exec(cycle.format(20), timeout_s=20)
    assert before - int(board.exec(free)) < 64


def test_soft_reset_while_listening(listening):
    """`mpremote run` begins with a soft reset; that must stop the microphones, and the app must start anew behind it."""
    board = listening
    for _ in range(3):
        board.exec("app.start()")
        board.run(0.3)
        board.write(b"\x04")
        board.read_until(b"soft reboot")
        board.read_until(b">>> ")
        board.exec(START + "app.start()")
        board.run(0.3)
        counted = stats(board)
        assert counted["overruns"] == 0 and counted["errors"] == 0 and counted["frames"] > 5


def test_callback_allocates_nothing(listening):
    """A garbage collection in the audio callback would be heard as a gap: with the heap locked it still works."""
    board = listening
    board.exec(START + "app.start()\nimport micropython, time")
    board.exec("micropython.heap_lock()\nwhile app.decisions < 20:\n    time.sleep_ms(10)\nmicropython.heap_unlock()", timeout_s=10)
    assert stats(board)["errors"] == 0


def test_corrupt_blob_is_an_error_and_nothing_else(listening):
    """A damaged model file is told, and the prompt and the running app go on."""
    board = listening
    board.exec("app.start()")
    board.exec("d = bytearray(open(app.settings.model or '/rom/dscnn.kws', 'rb').read())\nd[len(d) // 2] ^= 4")
    with pytest.raises(ExecError, match="ValueError"):
        board.exec("App(d)")
    board.exec("open('bad.kws', 'wb').write(d[:1000])", timeout_s=10)
    with pytest.raises(ExecError, match="ValueError"):
        board.exec("App('bad.kws')")
    with pytest.raises(ExecError, match="ENOENT"):
        board.exec("App('none.kws')")
    assert typed(board, "1 + 1") == "2"
    board.run(0.5)
    assert stats(board)["running"] and stats(board)["errors"] == 0


def test_saving_while_listening_loses_nothing(listening):
    """Erasing and writing the flash chip takes long, and must not cost samples."""
    board = listening
    board.exec("app.start()")
    board.run(0.5)
    for k in range(3):
        board.exec(f'app.threshold["yes"] = 0.{k + 5}\napp.save()', timeout_s=10)
    board.run(0.3)
    counted = stats(board)
    assert counted["overruns"] == 0 and counted["errors"] == 0
    assert board.exec("print(App().threshold['yes'])").strip() == "0.7"


def test_bad_values_at_the_prompt(listening):
    """Errors name what is possible."""
    for code, words in (
        ('app.threshold["nay"] = 0.5', "yes, "),
        ('app.threshold["yes"] = 50', "0 to 1"),
        ('app.set("window", 99)', "1..32 decisions"),
        ('app.set("colour", 1)', "refractory_ms"),
    ):
        with pytest.raises(ExecError, match=words):
            listening.exec(code)


FILL = """
import vfs, os
class Ram:
    def __init__(self): self.data = bytearray(24 * 512)
    def readblocks(self, n, buf, off=0):
        buf[:] = self.data[n * 512 + off : n * 512 + off + len(buf)]
        return 0
    def writeblocks(self, n, buf, off=0):
        self.data[n * 512 + off : n * 512 + off + len(buf)] = buf
        return 0
    def ioctl(self, op, arg):
        return {4: 24, 5: 512}.get(op, 0)
ram = Ram()
vfs.VfsLfs2.mkfs(ram)
vfs.mount(vfs.VfsLfs2(ram), "/ram")
from settings import Settings
s = Settings("/ram/hark.cfg")
s.set("window", 5)
s.threshold = {"key%d" % i: 0.5 for i in range(60)}
s.save()
s.set("window", 6)
n = 0
try:
    while True:
        with open("/ram/fill%d" % n, "wb") as f:
            f.write(bytes(400))
        n += 1
except OSError:
    pass
"""


def test_full_file_system(board):
    """When there is no room, saving says so and the settings saved before are untouched."""
    board.exec(FILL, timeout_s=20)
    with pytest.raises(ExecError, match="file system is full"):
        board.exec("s.save()")
    again = "s = Settings('/ram/hark.cfg')\nprint(s.load(), s.window, os.listdir('/ram').count('hark.cfg.new'))"
    assert board.exec(again).split() == ["[]", "5", "0"]
    board.exec("for i in range(n): os.remove('/ram/fill%d' % i)\ns.set('window', 7)\ns.save()")
    assert "[] 7" in board.exec(again)
