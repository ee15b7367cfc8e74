"""kws.Stream on the board, fed by the prompt and by a hard interrupt handler at a time."""

from tools.vboard import Board


def test_a_hard_handler_cannot_feed_a_stream_that_is_feeding(firmware_elf, romfs_image):
    """It would move the stream's buffers under the feed that it interrupted, and that one would write behind their end."""
    board = Board(firmware_elf, romfs=romfs_image)
    board.boot()
    said = board.exec("""
import kws, machine, micropython
micropython.alloc_emergency_exception_buf(100)
stream = kws.Stream(kws.Model('/rom/dscnn.kws'))
calm = kws.Stream(stream.model)
pcm, piece = bytes(32000), bytes(64)
refused = []
def tick(timer):
    try:
        stream.feed(piece)
    except RuntimeError:
        refused[0] += 1
    try:
        stream.reset()
    except RuntimeError:
        refused[1] += 1
refused = [0, 0]
stream.feed(pcm)
calm.feed(pcm)
timer = machine.Timer(period=1, callback=tick, hard=True)
rows = stream.feed(pcm)
timer.deinit()
print(refused[0] > 5 and refused[1] > 5, rows == calm.feed(pcm), bytes(stream.scores) == bytes(calm.scores))
stream.reset()
print(stream.feed(piece), stream.frames)
""", timeout_s=20.0)
    assert said.splitlines() == ["True True True", "0 0"]


def test_a_hard_handler_may_feed_another_stream(firmware_elf, romfs_image):
    """Kernels keep weights in the registers of the FPU: those of the interrupted feed must come back."""
    board = Board(firmware_elf, romfs=romfs_image)
    board.boot()
    said = board.exec("""
import kws, machine, random
random.seed(1)
model = kws.Model('/rom/dscnn.kws')
loud = bytes(random.getrandbits(8) for i in range(32000))
pcm, piece = memoryview(loud), memoryview(loud)[8000:8000 + 2 * 1280]
main, handled, calm = [kws.Stream(model) for i in range(3)]
handled.feed(pcm)
main.feed(pcm)
state = [0, 0]
def tick(timer):
    state[0] += 1
    state[1] += handled.feed(piece)
timer = machine.Timer(period=40, callback=tick, hard=True)
rows = main.feed(pcm)
timer.deinit()
calm.feed(pcm)
print(state[0] > 2 and state[1] > 1, rows == calm.feed(pcm) > 1, bytes(main.scores) == bytes(calm.scores))
calm.reset()
calm.feed(pcm)
for i in range(state[0]):
    calm.feed(piece)
n = model.classes
print(bytes(handled.scores)[:n] == bytes(calm.scores)[:n], len(set(handled.scores[:n])) > 1)
""", timeout_s=30.0)
    assert said.splitlines() == ["True True True", "True True"]
