"""The blob format's three descriptions agree: Python's, C's and what the C reader really does."""

import re
import struct
from pathlib import Path

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
    for prefix, enum in (("KWS_OP_", fmt.Op), ("KWS_SECTION_", fmt.Section)):
        for member in enum:
            assert re.search(rf"\b{prefix}{member.name} = {int(member)},", header), member
    count = len(re.findall(r"\bKWS_OP_\w+ = \d+,", header))
    assert count == len(fmt.Op)


def test_limits_and_sizes_are_the_same_in_c(header: str) -> None:
    """A limit that only one side knows lets the packer write what the device refuses."""
    for name, value in (("VERSION", fmt.VERSION), ("SECTION_ALIGN", 16), ("TENSOR_ALIGN", 16), ("MAX_OPS", fmt.MAX_OPS),
                        ("MAX_LABEL_BYTES", fmt.MAX_LABEL_BYTES)):  # fmt: skip
        assert re.search(rf"#define KWS_{name} {value}\b", header), name
    sizes = dict(re.findall(r"typedef char kws_(\w+)_is_(\d+)_bytes", header))
    structs = {"header": fmt.HEADER_BYTES, "tensor": fmt.TENSOR.size, "op": fmt.OP.size, "channel": fmt.CHANNEL.size}
    assert {k: int(v) for k, v in sizes.items()} == structs
    assert fmt.WINDOW_PARAMS.size == fmt.SCALE_PARAMS.size == 24


@pytest.mark.parametrize("name", SAMPLES)
def test_both_readers_agree(name: str) -> None:
    """`show` must not tell a developer something else than what the device does."""
    blob = SAMPLES[name]()
    info, model = read(blob), Model(blob)
    assert info.labels == model.labels
    assert info.tensors[0].shape == model.input_shape and info.tensors[-1].shape == model.output_shape
    assert (info.tensors[-1].scale, info.tensors[-1].zero_point) == model.output_quant
    assert (info.arena_bytes, info.decision_hop_frames) == (model.arena_bytes, model.decision_hop_frames)


def test_the_same_network_gives_the_same_bytes() -> None:
    """A model that is packed again and differs cannot be compared with the released one."""
    for make in SAMPLES.values():
        assert make() == make()


def test_dscnn_is_the_one_of_the_benchmark() -> None:
    """Instruction counts are compared with published ones, so the network must be theirs."""
    info = read(SAMPLES["dscnn"]())
    assert info.macs == 2_656_768
    assert info.arena_bytes <= 17_500  # two activations of 25 x 5 x 64 and scratch
    assert len(info.ops) == 12


def test_sections_are_aligned() -> None:
    """On the device the records are read as words where they lie."""
    for make in SAMPLES.values():
        blob = make()
        assert all(offset % 16 == 0 for offset, _, _ in read(blob).sections.values())
        assert struct.unpack_from("<I", blob, 12)[0] == len(blob)
