"""The blob format's three descriptions agree: Python's, C's and what the C reader really does."""

import ctypes
import re
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tools.blob import format as fmt
from tools.blob.reader import read
from tools.blob.samples import SAMPLES
from tools.kwslib import Model


@pytest.fixture(scope="module")
def header(repo_root: Path) -> str:
    return (repo_root / "usermod_kws" / "net" / "format.h").read_text()


def test_codes_are_the_same_in_c(header: str) -> None:
    """A layer that is packed under another number than it is unpacked runs as another layer."""
    for prefix, enum in (("OP", fmt.Op), ("SECTION", fmt.Section), ("PROGRAM", fmt.ProgramKind), ("STORAGE", fmt.Storage)):
        for member in enum:
            assert re.search(rf"\bKWS_{prefix}_{member.name} = {int(member)},", header), member
    count = len(re.findall(r"\bKWS_OP_\w+ = \d+,", header))
    assert count == len(fmt.Op)


def test_limits_and_sizes_are_the_same_in_c(header: str, kernels: str) -> None:
    """A limit that only one side knows lets the packer write what the device refuses."""
    for name, value in (("VERSION", fmt.VERSION), ("SECTION_ALIGN", fmt.SECTION_ALIGN), ("MAX_OPS", fmt.MAX_OPS), ("MAX_TENSORS", fmt.MAX_TENSORS),
                        ("MAX_STATES", fmt.MAX_STATES), ("MAX_LABEL_BYTES", fmt.MAX_LABEL_BYTES), ("NO_TENSOR", f"0x{fmt.NO_TENSOR:X}"),
                        ("NO_OFFSET", f"0x{fmt.NO_OFFSET:X}u")):  # fmt: skip
        assert re.search(rf"#define KWS_{name} {value}\b", header), name
    assert "#define KWS_MAX_BYTES ((uint32_t)1 << 24)" in header and fmt.MAX_BYTES == 1 << 24
    sizes = dict(re.findall(r"typedef char kws_(\w+)_is_(\d+)_bytes", header))
    structs = {"header": fmt.HEADER_BYTES, "program_record": fmt.PROGRAM.size, "tensor": fmt.TENSOR.size, "state": fmt.STATE.size,
               "op": fmt.OP.size, "channel": fmt.CHANNEL.size}  # fmt: skip
    assert {k: int(v) for k, v in sizes.items()} == structs
    assert fmt.WINDOW_PARAMS.size == fmt.SCALE_PARAMS.size == 24
    for name, value in (("CONV_PIXELS", fmt.CONV_PIXELS), ("DEPTHWISE_STRIP_BYTES", fmt.DEPTHWISE_STRIP_BYTES)):
        assert re.search(rf"#define KWS_{name} {value}\b", kernels), name


@pytest.fixture(scope="module")
def kernels(repo_root: Path) -> str:
    return (repo_root / "usermod_kws" / "kernels" / "kernels.h").read_text()


def test_scratch_is_the_same_in_c(repo_root: Path, tmp_path: Path) -> None:
    """Less scratch than a kernel takes is refused by the device; more is memory that nobody uses."""
    source, library = tmp_path / "scratch.c", tmp_path / "scratch.so"
    source.write_text("""#include "kernels/kernels.h"
        #define WINDOW kws_window_t w = {.kernel_h = kh, .kernel_w = kw, .dilation_w = dw, .pad_left = left}; \\
            kws_shape_t s = {1, in_w, c}
        uint64_t conv(int kh, int kw, int dw, int left, int in_w, int c) { WINDOW; return kws_conv2d_scratch_bytes(s, &w); }
        uint64_t depthwise(int kh, int kw, int dw, int left, int in_w, int c) { WINDOW; return kws_depthwise_conv2d_scratch_bytes(s, &w); }
        uint64_t step(int kh, int kw, int dw, int left, int in_w, int c) { WINDOW; return kws_avg_pool_step_state_bytes(s, &w); }
    """)
    subprocess.run(["cc", "-shared", "-fPIC", f"-I{repo_root / 'usermod_kws'}", "-o", library, source], check=True)
    c = ctypes.CDLL(str(library))
    for function in (c.conv, c.depthwise, c.step):
        function.restype = ctypes.c_uint64
    rng = np.random.default_rng(1)
    for _ in range(2000):
        kh, kw, dw, left, in_w = (int(n) for n in rng.integers(1, rng.choice([3, 20]), 5))
        channels = int(rng.integers(1, rng.choice([5, 300])))
        args = kh, kw, dw, left, in_w, channels
        assert c.conv(*args) == fmt.conv2d_scratch_bytes((kh, kw), channels), args
        assert c.depthwise(*args) == fmt.depthwise_conv2d_scratch_bytes((kh, kw), dw, left, in_w, channels), args
        assert c.step(*args) == fmt.avg_pool_step_state_bytes(in_w, channels, kh), args


@pytest.mark.parametrize("name", SAMPLES)
def test_both_readers_agree(name: str) -> None:
    """`show` must not tell a developer something else than what the device does."""
    blob = SAMPLES[name]()
    info, model = read(blob), Model(blob)
    assert info.labels == model.labels
    assert info.input.shape == model.input_shape and info.output.shape == model.output_shape
    assert (info.output.scale, info.output.zero_point) == model.output_quant
    assert (info.arena_bytes, info.decision_hop_frames) == (model.arena_bytes, model.decision_hop_frames)
    assert (info.step is not None) == model.streaming and bool(info.window.states) == model.variables
    if info.step:
        assert (info.step.arena_bytes, info.step.state_bytes) == (model.step_arena_bytes, model.step_state_bytes)


def test_the_same_network_gives_the_same_bytes() -> None:
    """A model that is packed again and differs cannot be compared with the released one."""
    for make in SAMPLES.values():
        assert make() == make()


def test_dscnn_is_the_one_of_the_benchmark() -> None:
    """Instruction counts are compared with published ones, so the network must be theirs."""
    info = read(SAMPLES["dscnn"]())
    assert info.macs == 2_656_768
    assert info.arena_bytes <= 18_432  # two activations of 25 x 5 x 64 and scratch
    assert len(info.ops) == 12


def test_twins_stream() -> None:
    """The streaming figures are measured on these networks: every layer must run on new rows alone."""
    for name in ("dscnn_causal", "dscnn_valid"):
        info = read(SAMPLES[name]())
        assert info.step.macs == 2 * 53_120 + 768, name  # a 25th of the convolutions, and the dense layer
        assert info.step.state_bytes <= 8_000 and info.step.arena_bytes < info.arena_bytes


def test_samples_have_every_op() -> None:
    """What no sample has, no fuzzer and no bench has seen."""
    assert {op.code for make in SAMPLES.values() for program in read(make()).programs for op in program.ops} == set(fmt.Op)


def test_sections_are_aligned() -> None:
    """On the device the records are read as words where they lie."""
    for make in SAMPLES.values():
        blob = make()
        assert all(offset % 16 == 0 for offset, _, _ in read(blob).sections.values())
        assert struct.unpack_from("<I", blob, 12)[0] == len(blob)
