"""What streams of a blob and why the rest does not, as tables: from the writer's report, or from a finished blob."""

from collections.abc import Sequence

from rich.table import Table

from tools.blob.format import WINDOWED, Op
from tools.blob.reader import BlobInfo, OpInfo, ProgramInfo
from tools.blob.stream_plan import LayerReport


def report_table(lines: Sequence[LayerReport]) -> Table:
    """A row for each layer of the network that was packed."""
    table = Table("layer", "", "streams", "keeps", "because", title="Streaming", title_justify="left")
    for i, line in enumerate(lines):
        rows = f"{line.rows} of {line.of} rows" if line.streams else "no"
        table.add_row(str(i), line.layer, rows, f"{line.state_bytes:,} bytes" if line.state_bytes else "", line.reason)
    return table


def _obstacle(program: ProgramInfo, op: OpInfo, new: int) -> str:
    """Why an op cannot go on with `new` rows a step of its input; empty where it can."""
    x, y = program.tensors[op.inputs[0]], program.tensors[op.output]
    if op.code in WINDOWED and op.kernel[0] > 1:
        extent = (op.kernel[0] - 1) * op.dilation[0] + 1
        future = (y.shape[0] - 1) * op.stride[0] - op.pads[0] + extent - x.shape[0]
        if future > 0:
            return f"padded at the end of time: needs {future} future row{'s' * (future > 1)}"
    if op.code in WINDOWED and new % op.stride[0] and y.shape[0] > 1:
        return f"a step of {new} row{'s' * (new > 1)} is not a multiple of its stride {op.stride[0]}"
    if op.code in (Op.FULLY_CONNECTED, Op.MEAN) and y.shape[0] < x.shape[0]:
        return "it takes all rows at once"
    return ""


def obstacles(program: ProgramInfo, hop: int) -> list[str]:
    """The ops of a window program that read rows which stream, as far as its records tell, and do not stream themselves."""
    found: list[str] = []
    new = {program.input.offset: (hop, program.input.shape[0])}  # by the offset where a tensor begins: rows a step, rows
    for i, op in enumerate(program.ops):
        y = program.tensors[op.output]
        x = program.tensors[op.inputs[0]] if op.inputs else None
        rows, height = new.get(x.offset, (0, 0)) if x else (0, 0)
        reason = _obstacle(program, op, rows) if rows and height == x.shape[0] else ""
        if reason:
            found.append(f"op {i}, {op.code.name.lower()}: {reason}")
        stride = op.stride[0] if op.code in WINDOWED else 1
        slides = rows and height == x.shape[0] and not reason and y.shape[0] > 1 and y.shape[0] >= rows // stride
        new[y.offset] = (rows // stride, y.shape[0]) if slides else (0, 0)
    return found


def summary(blob: BlobInfo) -> list[str]:
    """What a stream of this blob does, in lines."""
    if blob.window.states:
        return [f"Streaming: the network keeps its own state; each run takes {blob.decision_hop_frames} new frames"]
    if blob.step is None:
        lines = ["Streaming: window mode only, the whole network for each row of scores"]
    else:
        macs = f"{blob.step.macs:,} of the window's {blob.macs:,} MACs"
        lines = [f"Streaming: a step for each {blob.decision_hop_frames} frames runs {macs} and keeps {blob.step.state_bytes:,} bytes"]
    return lines + [f"  {text}" for text in obstacles(blob.window, blob.decision_hop_frames)]
