"""The importer's own reader of flatbuffers: what it takes from a file is what TensorFlow's generated code takes."""

import struct

import numpy as np
import pytest

pytest.importorskip("tensorflow")
from fuzz_seeds import seeds
from tensorflow.lite.python import schema_py_generated as generated

from tools.import_tflite import TfliteError, graph, schema
from tools.import_tflite.flatbuffer import Reader, Table


def test_operators_and_types() -> None:
    """An operator by a wrong name is imported as something else, or refused as what it is not."""
    names = {v: k for k, v in vars(generated.BuiltinOperator).items() if not k.startswith("_")}
    assert [names[i] for i in range(len(schema.OPERATORS))] == list(schema.OPERATORS)
    for member in schema.TensorType:
        assert getattr(generated.TensorType, member.name) == member
    activations = {v: k.lower() for k, v in vars(generated.ActivationFunctionType).items() if not k.startswith("_")}
    assert {k: activations[k] for k in schema.ACTIVATIONS} == schema.ACTIVATIONS
    assert schema.PADDINGS == {generated.Padding.SAME: "same", generated.Padding.VALID: "valid"}


@pytest.mark.parametrize("data", seeds(), ids=["convolutions", "moves", "streaming", "roundabout"])
def test_same_as_generated_code(data: bytes) -> None:
    """Shapes, quantisations, constants and options of whole models, field by field."""
    theirs = generated.ModelT.InitFromObj(generated.Model.GetRootAsModel(data, 0))
    ours = graph.read(data)
    assert len(ours.graphs) == len(theirs.subgraphs)
    for mine, other in zip(ours.graphs, theirs.subgraphs, strict=True):
        assert list(mine.inputs) == list(other.inputs) and list(mine.outputs) == list(other.outputs)
        for t, u in zip(mine.tensors, other.tensors, strict=True):
            assert list(t.dims) == list(() if u.shape is None else u.shape) and t.type == u.type
            assert t.name == u.name.decode() and t.variable == u.isVariable
            if u.quantization is not None:
                assert np.array_equal(t.scales, u.quantization.scale) and np.array_equal(t.zero_points, u.quantization.zeroPoint)
                assert t.axis == u.quantization.quantizedDimension
            stored = theirs.buffers[u.buffer].data
            assert (t.data is None) == (stored is None) and (stored is None or bytes(t.data) == bytes(stored))
        for op, one in zip(mine.operators, other.operators, strict=True):
            code = theirs.operatorCodes[one.opcodeIndex]
            assert op.name == schema.OPERATORS[code.builtinCode]
            assert list(op.inputs) == list(one.inputs if one.inputs is not None else [])
            assert list(op.outputs) == list(one.outputs if one.outputs is not None else [])
            for field, value in op.options.items():
                name = {"activation": "fusedActivationFunction", "filter_h": "filterHeight", "filter_w": "filterWidth",
                        "dilation_h": "dilationHFactor", "dilation_w": "dilationWFactor"}.get(field)  # fmt: skip
                first, *rest = field.split("_")
                expected = getattr(one.builtinOptions, name or first + "".join(part.capitalize() for part in rest))
                expected = expected.decode() if isinstance(expected, bytes) else expected
                if isinstance(value, tuple):
                    assert value == tuple(() if expected is None else expected), field
                else:
                    assert value == expected or abs(value - expected) < 1e-6, field


def test_truncated_anywhere() -> None:
    """A download that broke off is refused wherever it ended."""
    data = seeds()[0]
    for length in range(len(data)):
        with pytest.raises(TfliteError):
            graph.read(data[:length])


def test_shared_offsets_are_bounded() -> None:
    """A file of a few bytes cannot make the importer read gigabytes: a vector of offsets to one long vector."""
    n = 30_000
    # The root table's field 0 is a vector of n tables, all of them one table whose field 0 is a vector of n bytes.
    vtable = struct.pack("<3H", 6, 8, 4) + b"\0\0"
    root, child = 12 + len(vtable), 12 + len(vtable) + 8
    vector = child + 8
    blob = vector + 4 + 4 * n
    data = struct.pack("<I4s4x", root, b"TFL3") + vtable
    data += struct.pack("<iI", root - 12, vector - (root + 4)) + struct.pack("<iI", child - 12, blob - (child + 4))
    data += struct.pack("<I", n) + b"".join(struct.pack("<I", (child - (vector + 4 + 4 * i)) % (1 << 32)) for i in range(n))
    data += struct.pack("<I", n) + bytes(n)
    table = Reader(data).root(b"TFL3")
    assert isinstance(table, Table)
    with pytest.raises(TfliteError, match="outside|over and over"):
        for one in table.tables(0, 1 << 20, "tables"):
            one.raw(0)


@pytest.mark.parametrize("data", [b"", b"TFL3", bytes(64), b"\x10\0\0\0TFL3" + bytes(8), b"\xff" * 1000], ids=repr)
def test_not_a_model(data: bytes) -> None:
    """A wrong file is told of as such."""
    with pytest.raises(TfliteError):
        graph.read(data)
