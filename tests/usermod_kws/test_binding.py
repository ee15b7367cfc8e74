"""The `kws` module in MicroPython, on this machine and on 64-bit Arm: same behaviour and bytes as the C core alone."""

import json
import signal
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tools.blob.reader import read
from tools.blob.samples import dscnn, every_op
from tools.kwslib import Frontend, Model, Stream

PCM = np.random.default_rng(11).normal(0, 3000, 4000).astype(np.int16)


@pytest.fixture(scope="module", params=["here", "aarch64"])
def interpreter(request: pytest.FixtureRequest) -> list[str]:
    """The command that runs MicroPython with the module."""
    if request.param == "here":
        return [str(request.getfixturevalue("linux_micropython"))]
    return request.getfixturevalue("aarch64_micropython")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("binding")
    (folder / "drawer").mkdir()
    (folder / "tiny.kws").write_bytes(every_op())
    (folder / "dscnn.kws").write_bytes(dscnn())
    (folder / "pcm.raw").write_bytes(PCM.tobytes())
    return folder


def run(interpreter: list[str], folder: Path, script: str) -> list:
    """Runs a script with `kws`, `pcm` (bytes) and `show` (prints as JSON); returns what it showed, line by line."""
    head = """
import kws, json, gc, array
def show(*x): print(json.dumps(x))
def error(f, *a, **k):
    try:
        f(*a, **k)
    except Exception as e:
        return [type(e).__name__, str(e)]
    return None
pcm = open('pcm.raw', 'rb').read()
tiny = open('tiny.kws', 'rb').read()
"""
    done = subprocess.run([*interpreter, "-c", head + script], check=False, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_attributes(interpreter: list[str], folder: Path) -> None:
    """The app reads its labels, rates and sizes from the model instead of repeating them."""
    names = ["input_shape", "input_scale", "input_zero_point", "classes", "scale", "zero_point", "arena_bytes", "meta",
             "decision_hop_frames", "sample_rate", "frame_samples", "hop_samples", "window_samples", "labels", "streaming"]  # fmt: skip
    script = f"m = kws.Model('dscnn.kws')\nfor n in {names}: show(getattr(m, n))\nshow(kws.kernels, m.zero_copy)"
    *values, (kernels, zero_copy) = run(interpreter, folder, script)
    model = Model(dscnn())
    expected = [[49, 10, 1], 0.125, 0, 12, 1 / 256, -128, model.arena_bytes, {"sample": "dscnn"}, 4, 16000, 480, 320, 48 * 320 + 480, model.labels,
                model.streaming]  # fmt: skip
    assert [v[0] for v in values] == expected
    assert kernels and zero_copy is False


def test_stream_gives_the_cores_bytes(interpreter: list[str], folder: Path) -> None:
    """The scores on the device are those that the training's evaluation computed."""
    script = """
s = kws.Stream(kws.Model('tiny.kws'))
mv, rows = memoryview(pcm), []
for i in range(0, len(pcm), 222):
    n = s.feed(mv[i:i + 222])
    rows += list(s.scores[:n * 3])
show(rows, s.frames, s.rows, s.max_samples)
s.reset()
show(s.feed(array.array('h', range(500))), s.frames)
"""
    (rows, frames, max_rows, max_samples), (again, again_frames) = run(interpreter, folder, script)
    assert rows == Stream(every_op()).feed(PCM).reshape(-1).tolist() and rows
    assert (frames, max_rows, max_samples) == (1 + (PCM.size - 96) // 64, 16, 16 * 2 * 64)
    assert (again, again_frames) == (2, 7)


def test_modes(interpreter: list[str], folder: Path) -> None:
    """An app that wants the whole window computed, or wants to know what it got, can say and ask."""
    script = """
m = kws.Model('tiny.kws')
for mode in ('auto', 'window'):
    s = kws.Stream(m, mode=mode)
    n = s.feed(pcm[:2 * s.max_samples])
    show(s.mode, s.state_bytes, s.arena_bytes, list(s.scores[:3 * n]))
show(error(kws.Stream, m, mode='fast'), error(kws.Stream, m, mode=3))
"""
    *shown, errors = run(interpreter, folder, script)
    for mode, row in zip(("auto", "window"), shown, strict=True):
        stream = Stream(every_op(), 16, mode)
        scores = stream.feed(PCM[: stream.max_samples])
        assert row == [stream.mode, stream.state_bytes, stream.arena_bytes, scores.reshape(-1).tolist()] and scores.size
    assert errors[0] == ["ValueError", "kws: mode is 'auto' or 'window', not 'fast'"] and errors[1][0] == "TypeError"


def test_rows_out_of_range(interpreter: list[str], folder: Path) -> None:
    """`scores` must never be longer than the stream's memory, whatever number an app asks for."""
    script = "m = kws.Model(tiny)\nshow([error(kws.Stream, m, rows=r) for r in (0, -1, 1 << 23, 2**32 + 1, 2**61)])"
    ((errors,),) = run(interpreter, folder, script)
    assert all(e is not None and e[0] == "ValueError" and "rows" in e[1] for e in errors), errors


def test_frontend_and_run_give_the_cores_bytes(interpreter: list[str], folder: Path) -> None:
    """Features and single runs, for experiments at the prompt."""
    script = """
m = kws.Model(tiny)
f = kws.Frontend(m)
mv = memoryview(pcm)
show(list(f.frame(mv[:192])), list(f.raw(mv[:192])), list(f.frame(mv[191:383])))
out = array.array('b', bytes(8)); raw = array.array('h', bytes(16))
show(f.frame(mv[:192], out) is out, list(out), f.raw(mv[:192], raw) is raw, list(raw))
uneven = memoryview(bytearray(2 * len(raw) + 2))
show([error(f.raw, mv[:192], bytearray(3)), error(f.raw, mv[:192], uneven[1:-1])])
show(list(m.run(bytes(range(32)))))
show(error(f.frame, mv[:190]), error(f.frame, mv[:192], bytearray(7)), error(f.frame, mv[:192], bytes(8)), error(m.run, b'x'))
"""
    (frame, raw, odd), (is_out, out, is_raw, raw2), (refused,), (scores,), errors = run(interpreter, folder, script)
    section = read(every_op()).frontend
    pcm = PCM.tobytes()
    assert frame == out == Frontend(section).features(PCM[:96])[0].tolist() and is_out
    assert raw == raw2 == Frontend(section).raw(PCM[:96])[0].tolist() and is_raw
    assert odd == Frontend(section).features(np.frombuffer(pcm[191:383], np.int16))[0].tolist()
    assert refused == [["ValueError", "kws: out must be 16 bytes, not 3"], ["ValueError", "kws: out must start at a multiple of 2 bytes"]]
    assert scores == Model(every_op()).run(np.arange(32, dtype=np.int8)).tolist()
    assert [e[0] for e in errors] == ["ValueError", "ValueError", "TypeError", "ValueError"]


def test_feed_neither_allocates_nor_half_works(interpreter: list[str], folder: Path) -> None:
    """Audio comes at any moment, the heap may be full or locked then; and an error must not eat samples."""
    script = """
import micropython
m = kws.Model('tiny.kws')
a, b = kws.Stream(m, rows=2), kws.Stream(m, rows=2)
mv = memoryview(pcm)
pieces = [mv[i:i + 200] for i in range(0, len(pcm), 200)]
same = True
for p in pieces:
    errors = [error(a.feed, bytes(2 * a.max_samples + 2)), error(a.feed, b'123'), error(a.feed, 5), error(a.feed, array.array('i', [1])),
              error(a.feed, 'abcd')]
    micropython.heap_lock()
    n = a.feed(p)
    micropython.heap_unlock()
    same = same and n == b.feed(p) and bytes(a.scores) == bytes(b.scores)
show(same, errors)
"""
    ((same, errors),) = run(interpreter, folder, script)
    assert same
    assert errors[0] == ["ValueError", "kws: 257 samples are more than max_samples, 256"]
    assert errors[1] == ["ValueError", "kws: pcm of 3 bytes is not int16"]
    assert errors[2][0] == errors[3][0] == errors[4][0] == "TypeError"


def test_ctrl_c_in_a_feed_begins_anew(interpreter: list[str], folder: Path) -> None:
    """Somebody who stops the app at the prompt goes on with the same stream; half a feed must not stay in it."""
    script = """
import kws
pcm = open('pcm.raw', 'rb').read() * 10
s, new = [kws.Stream(kws.Model('dscnn.kws'), rows=64, mode='window') for i in range(2)]
long = bytes(2 * s.max_samples)
s.feed(pcm)
while s.frames:  # until a stop came in the middle of a feed
    try:
        print('feeding')
        while True: s.feed(long)
    except KeyboardInterrupt:
        pass
print([s.feed(pcm), list(s.scores)] == [new.feed(pcm), list(new.scores)])
"""
    process = subprocess.Popen([*interpreter, "-c", script], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stderr is not None
    while (line := process.stdout.readline()) == "feeding\n":
        process.send_signal(signal.SIGINT)
    assert line == "True\n", line + process.stderr.read()
    assert process.wait() == 0


def test_threads_cannot_feed_one_stream_together(interpreter: list[str], folder: Path) -> None:
    """Linux's MicroPython has threads that run at once: the second must be told, and the first's scores stay right."""
    script = """
import _thread
s, alone = [kws.Stream(kws.Model('dscnn.kws'), rows=64, mode='window') for i in range(2)]
piece = pcm * 4
fed, refused, ended = [0, 0], [0, 0], [0, 0]
def work(who):
    while sum(refused) < 20 or fed[who] < 5:
        try:
            s.feed(piece)
            fed[who] += 1
        except RuntimeError:
            refused[who] += 1
    ended[who] = 1
_thread.start_new_thread(work, (1,))
work(0)
while not ended[1]: pass
rows = [alone.feed(piece) for i in range(sum(fed))]
show(s.frames == alone.frames > 0)
s.feed(piece); rows = alone.feed(piece)
n = rows * s.model.classes
show(rows > 0 and s.scores[:n] == alone.scores[:n])
"""
    assert run(interpreter, folder, script) == [[True], [True]]


def test_bad_blobs_say_what_and_where(interpreter: list[str], folder: Path) -> None:
    """Somebody who copies a model over a bad cable is told so, and goes on working."""
    script = """
gc.collect(); before = gc.mem_alloc()
def bad(at, value):
    b = bytearray(tiny); b[at] = value
    return error(kws.Model, b)
show(bad(0, 0), bad(4, 9), bad(300, 255), bad(12, 1), error(kws.Model, tiny[:100]), error(kws.Model, b''), error(kws.Model, 'none.kws'),
     error(kws.Model, 'drawer'), error(kws.Model, 5), error(kws.Model), error(kws.Stream, 5), error(kws.Stream, kws.Model(tiny), rows=0))
gc.collect()
show(gc.mem_alloc() - before)
for i in range(2000): bad(i, tiny[i] ^ 255)
gc.collect()
show(gc.mem_alloc() - before, list(kws.Model(tiny).labels))
"""
    errors, (first,), (after, labels) = run(interpreter, folder, script)
    kinds = [e[0] for e in errors]
    assert kinds == ["ValueError"] * 6 + ["OSError"] * 2 + ["TypeError"] * 3 + ["ValueError"]
    assert "does not start with HARK" in errors[0][1]
    assert "version 9 at byte 4; this build reads 2" in errors[1][1]
    crc = struct.unpack_from("<I", every_op(), 8)[0]
    assert f"bad CRC at byte 8: stored 0x{crc:08x}, computed 0x" in errors[2][1]
    assert "wrong length at byte 12" in errors[3][1] and "100" in errors[4][1]
    assert "none.kws" in errors[6][1] and "drawer" in errors[7][1]
    assert after <= first + 200 and labels == ["a", "bé", "c"]


def test_in_place_where_it_is_safe(interpreter: list[str], folder: Path) -> None:
    """A model in ROM costs no RAM; one in a buffer that may change is copied, so that a change cannot do harm."""
    script = """
b = bytearray(tiny)
m = kws.Model(b)
for i in range(len(b)): b[i] = 255
show(kws.Model(tiny).zero_copy, m.zero_copy, kws.Model(memoryview(tiny)).zero_copy, kws.Model(memoryview(b'x' + tiny)[1:]).zero_copy,
     list(m.run(bytes(32))) == list(kws.Model(tiny).run(bytes(32))))
"""
    ((*zero_copy, same),) = run(interpreter, folder, script)
    assert zero_copy == [True, False, True, False] and same


def test_romfs_without_a_copy(interpreter: list[str], folder: Path) -> None:
    """A path in ROMFS is used where it lies when it is aligned, and copied when it is not."""
    script = """
import vfs
def uint(n):
    r = bytes([n & 127]); n >>= 7
    while n: r = bytes([128 | n & 127]) + r; n >>= 7
    return r
def record(kind, data): return uint(kind) + uint(len(data)) + data
def image(pad):
    # one file; `pad` bytes of padding in front of its data
    body = record(1, bytes(pad)) + record(5, uint(5) + b'm.kws' + record(2, tiny))
    size = uint(len(body))
    return b'\\xd2\\xcd1' + size + body
seen = set()
for pad in range(1, 9):
    vfs.mount(vfs.VfsRom(image(pad)), '/rom')
    m = kws.Model('/rom/m.kws')
    seen.add((image(pad).find(b'HARK') % 4 == 0, m.zero_copy, list(m.run(bytes(32))) == list(kws.Model(tiny).run(bytes(32)))))
    vfs.umount('/rom')
show(sorted(seen))
"""
    ((seen,),) = run(interpreter, folder, script)
    assert seen == [[False, False, True], [True, True, True]]


def test_objects_outlive_each_other(interpreter: list[str], folder: Path) -> None:
    """Dropping the model or the stream while its parts are in use must not free their memory."""
    script = """
def scores():
    s = kws.Stream(kws.Model(bytearray(tiny)))
    f = kws.Frontend(kws.Model(bytearray(tiny)))
    return s.feed(pcm[:2 * 288]), s.scores, s.feed, f.frame(pcm[:192])
n, view, feed, features = scores()
before, row = list(view[:3 * n]), list(features)
for i in range(50):
    gc.collect()
    junk = [bytearray(b'\\x55' * 500) for j in range(200)]
show(n, before == list(view[:3 * n]), row == list(features), feed(pcm[:2 * 128]))
"""
    ((n, same_scores, same_features, again),) = run(interpreter, folder, script)
    assert n == 1 and same_scores and same_features and again == 1
