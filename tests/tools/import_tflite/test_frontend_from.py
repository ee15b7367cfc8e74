"""`--frontend-from`: the features of another blob, in the int8 of this network's input."""

import numpy as np
import pytest

pytest.importorskip("tensorflow")
from tflite_graphs import GraphBuilder

from tools.blob import BlobWriter, FrontendConfig, Quant
from tools.blob.frontend import norm_values, with_norm
from tools.blob.reader import read
from tools.import_tflite import import_model
from tools.import_tflite.frontend import from_blob
from tools.kwslib import Frontend

MEAN, STD = [31.2, -4.0, 0.5, 12.0], [9.5, 3.0, 0.7, 21.0]
CONFIG = FrontendConfig(n_mels=20, n_dct=4)


def other_blob(quant: Quant, std: object = STD) -> bytes:
    writer = BlobWriter(frontend=CONFIG.section(MEAN, std, quant.scale, quant.zero_point), decision_hop_frames=1)
    writer.relu(writer.input((6, 4, 1), quant), quant)
    return writer.finish()


def network(scale: float, zero_point: int) -> bytes:
    b = GraphBuilder()
    x, y = (b.tensor((1, 6, 4), scale, zero_point) for _ in range(2))
    return b.bytes([x], [b.add("RELU", [x], y)])


@pytest.mark.parametrize(("scale", "zero_point"), [(0.05915, 15), (0.004, -128), (0.3, 100)])
def test_other_quantisation(tmp_path, scale: float, zero_point: int) -> None:
    """The network would hear features that are scaled and shifted, and nobody would be told."""
    path = tmp_path / "other.kws"
    path.write_bytes(other_blob(Quant(1 / 32, 0)))
    section = read(import_model(network(scale, zero_point), frontend=from_blob(path)).blob).frontend
    fe = Frontend(section)
    pcm = (np.random.default_rng(1).normal(size=16000) * np.linspace(5, 9000, 16000)).astype(np.int16)
    features = (fe.raw(pcm) / 2**fe.raw_frac_bits - MEAN) / STD
    expected = np.clip(features / scale + zero_point, -128, 127)
    assert np.abs(fe.features(pcm) - expected).max() <= 1
    assert np.unique(fe.features(pcm)).size > 20
    mean, std = norm_values(section, scale, zero_point)
    np.testing.assert_allclose(mean, MEAN, atol=0.01)
    np.testing.assert_allclose(std, STD, rtol=1e-3)


def test_same_quantisation(tmp_path) -> None:
    """The same network again gets the same bytes."""
    path = tmp_path / "other.kws"
    path.write_bytes(other_blob(Quant(0.1, 3)))
    assert read(import_model(network(0.1, 3), frontend=from_blob(path)).blob).frontend == read(path.read_bytes()).frontend


def test_what_was_not_normalised(tmp_path) -> None:
    """A table that no mean and std can give, and one that leaves the section, are refused with the file's name."""
    section = bytearray(CONFIG.section())
    with pytest.raises(ValueError, match="leaves its section"):
        norm_values(section[:-8], 1.0, 0)
    with pytest.raises(ValueError, match="a front end of 3 bytes"):
        with_norm(b"abc", 0, 1, 1.0, 0)
    path = tmp_path / "flat.kws"
    path.write_bytes(other_blob(Quant(0.1, 0), std=[1.0, 1e9, 1.0, 1.0]))  # a gain that rounds to 0
    with pytest.raises(ValueError, match=r"--frontend-from .*flat\.kws: feature 1 of the front end is not scaled"):
        from_blob(path)
