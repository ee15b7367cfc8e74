"""The plans of random networks: each byte of the arena holds what the ops behind it take it for, in both programs."""

from dataclasses import replace

import numpy as np
import pytest
import symbols as sym
from arena_checker import CheckedProgram
from evaluate import evaluate
from extended import blob_of, extended
from random_networks import RandomNetwork

from tools.blob import read
from tools.blob.format import Op
from tools.blob.reader import ProgramInfo
from tools.blob.samples import every_op
from tools.kwslib import Model, Stream

STEPS = 6


def frames_of(net: RandomNetwork) -> tuple[int, int]:
    """All frames for STEPS steps behind the first scores, and of the first step."""
    first = net.frames - (net.frames - 1) // net.hop * net.hop
    return net.frames + STEPS * net.hop, first


@pytest.mark.parametrize("block", range(8))
def test_arena_plans(block: int) -> None:
    """An activation that is overwritten too early, or a row of a stream's past that is not where it is read, makes wrong scores."""
    streams = 0
    for seed in range(40 * block, 40 * block + 40):
        net = RandomNetwork(seed)
        info = read(net.writer.finish())
        network, schedule = net.writer.network, net.writer.schedule
        rng = np.random.default_rng(seed)
        count, first = frames_of(net)
        x = rng.integers(0, 1 << 64, (count, network.input.row_bytes), dtype=np.uint64)
        window = CheckedProgram(info.window, info.weights)
        for k in range(2):
            part = x[k * net.hop : k * net.hop + net.frames]
            assert np.array_equal(window.feed(part), evaluate(network, part)), seed
        if schedule is None:
            continue
        streams += 1
        step = CheckedProgram(info.step, info.weights)
        padded = np.concatenate([np.full((net.hop - first, x.shape[1]), sym.constant(np.array(network.input.quant.zero_point))), x])
        scores = [step.feed(padded[at : at + net.hop]) for at in range(0, len(padded), net.hop)][-STEPS - 1 :]
        for k, score in enumerate(scores):
            assert np.array_equal(score, evaluate(extended(network, schedule, k), x[: net.frames + k * net.hop])), (seed, k)
    assert streams >= 10


@pytest.mark.parametrize("block", range(3))
def test_plans_with_variables(block: int) -> None:
    """What was read must not change when the variable does, and what is assigned must be there at the next run."""
    remembering = 0
    for seed in range(50 * block, 50 * block + 50):
        net = RandomNetwork(seed, stateful=True)
        blob = net.writer.finish()
        Model(blob)
        info, network = read(blob), net.writer.network
        x = np.random.default_rng(seed).integers(0, 1 << 64, (4, *network.input.shape), dtype=np.uint64)
        window, variables = CheckedProgram(info.window, info.weights), {}
        for k, part in enumerate(x):
            assert np.array_equal(window.feed(part), evaluate(network, part, variables)), (seed, k)
        remembering += bool(info.window.states)
    assert remembering >= 20


def _scores(program: ProgramInfo, weights: bytes, frames: int = 60) -> np.ndarray:
    checked = CheckedProgram(program, weights)
    x = np.random.default_rng(1).integers(0, 1 << 64, (frames, program.input.bytes), dtype=np.uint64)
    return np.array([checked.feed(part) for part in x])


def test_the_checker_sees_wrong_plans() -> None:
    """A checker that accepts anything would let a broken planner pass."""
    info = read(every_op())
    good = _scores(info.step, info.weights)
    for i, state in enumerate(info.step.states):
        if not state.shift:
            continue
        for wrong in (replace(state, keep=state.keep - 1), replace(state, shift=state.shift - 1)):
            states = [wrong if s is state else s for s in info.step.states]
            assert not np.array_equal(_scores(replace(info.step, states=states), info.weights), good), (i, wrong)
    for program in info.programs:
        good = _scores(program, info.weights)
        add = next(i for i, op in enumerate(program.ops) if op.code == Op.ADD)
        skip = program.ops[add].inputs[0]
        start = next(i for i, op in enumerate(program.ops) if op.output == skip)
        for op in program.ops[start + 1 : add]:
            # What the skip connection brings is overwritten on the way.
            moved = replace(program.tensors[op.output], offset=program.tensors[skip].offset)
            tensors = [moved if n == op.output else t for n, t in enumerate(program.tensors)]
            assert not np.array_equal(_scores(replace(program, tensors=tensors), info.weights), good), (program.kind, op)


def test_plans_are_tight() -> None:
    """Each kilobyte that a plan wastes is one that the device's user does not get."""
    for seed in range(150):
        net = RandomNetwork(seed)
        net.writer.finish()
        for program in net.writer.programs:
            buffers = [b for b in program.buffers() if not b.state]
            together = [sum(-(-b.size // 16) * 16 for b in buffers if b.first <= i <= b.last) for i in range(-1, len(program.ops) + 1)]
            assert program.arena_bytes - program.state_bytes <= 1.1 * max(together), seed


@pytest.mark.parametrize("block", range(4))
def test_streams_of_random_networks(block: int) -> None:
    """The same through the C core: a stream's scores are those of the network laid over all frames since the reset."""
    differs = 0
    for seed in range(1000 + 25 * block, 1000 + 25 * block + 25):
        net = RandomNetwork(seed)
        model = Model(net.writer.finish())
        count, _ = frames_of(net)
        x = np.random.default_rng(seed).integers(-128, 128, (count, model.n_out)).astype(np.int8)
        windows = np.array([model.run(x[k * net.hop : k * net.hop + net.frames]).reshape(-1) for k in range(STEPS + 1)])
        assert np.array_equal(Stream(model, mode="window").feed_features(x), windows), seed
        if net.writer.schedule is None:
            continue
        whole = [Model(blob_of(extended(net.writer.network, net.writer.schedule, k))).run(x[: net.frames + k * net.hop]) for k in range(STEPS + 1)]
        whole = np.array([row.reshape(-1) for row in whole])
        assert np.array_equal(whole[0], windows[0]), seed
        assert np.array_equal(Stream(model).feed_features(x), whole), seed
        differs += not np.array_equal(whole, windows)
    assert differs  # causal networks look back beyond the window
