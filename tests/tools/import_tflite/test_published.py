"""Models that other people have trained and published: microWakeWord's, which stream by variables."""

import importlib.util
from pathlib import Path

import flatbuffers
import numpy as np
import pytest

pytest.importorskip("tensorflow")
from tensorflow.lite.python import schema_py_generated as schema
from tflite_graphs import compare

from tools.import_tflite import import_model

PACKAGE = importlib.util.find_spec("pymicro_wakeword")
MODELS = sorted(Path(PACKAGE.origin).parent.glob("models/*.tflite")) if PACKAGE else []


def up_to_the_logit(data: bytes) -> bytes:
    """The model without its last operators, whose output is 0 for nearly all that is not the wake word."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))
    graph = model.subgraphs[0]
    codes = [model.operatorCodes[op.opcodeIndex] for op in graph.operators]
    cut = next(i for i, code in enumerate(codes) if max(code.builtinCode, code.deprecatedBuiltinCode) == schema.BuiltinOperator.LOGISTIC)
    graph.outputs, logit = [graph.operators[cut].inputs[0]], graph.operators[cut].outputs[0]
    graph.operators = [op for op in graph.operators if logit not in [*op.inputs, *op.outputs]]
    model.signatureDefs = []
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.mark.skipif(PACKAGE is None, reason="pymicro-wakeword, which holds the models, has no wheel for this platform")
def test_there_are_models() -> None:
    """A package without its models would make the tests below run nothing."""
    assert {"alexa", "hey_jarvis", "hey_mycroft", "okay_nabu"} <= {path.stem for path in MODELS}


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_published_streaming_model(path: Path) -> None:
    """Somebody's wake word works here as it did where it came from: the whole file is taken, and its logit is exact for 300 steps."""
    assert len(import_model(path.read_bytes()).blob) < 80_000
    rng, frames, bands = np.random.default_rng(1), 3, 40
    loudness = np.repeat(rng.integers(-128, 60, (15, frames * bands)), 20, axis=0)
    x = (loudness + rng.normal(0, 15, loudness.shape)).clip(-128, 127).astype(np.int8)
    report, compared = compare(up_to_the_logit(path.read_bytes()), x)
    assert report.writer.network.variables and compared >= 10
