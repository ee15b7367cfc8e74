"""What streams of a blob and why the rest does not, as tables: from the writer's report, or from a finished blob."""

from collections.abc import Sequence

from rich.table import Table

from tools.blob.format import WINDOWED, Op
from tools.blob.network import Network
from tools.blob.reader import BlobInfo, OpInfo, ProgramInfo
from tools.blob.stream_report import LayerReport, future_rows, uneven_step


def layers_table(network: Network, lines: Sequence[LayerReport], streams: bool) -> Table:
    """A row for each layer of the network that was packed. lines: the writer's report; streams: there is a step program."""
    columns = ["layer", "", "output", "MACs", "weights"]
    columns += ["streams", "keeps"] if streams else []
    columns += ["because" if streams else "does not stream because"] if any(line.reason for line in lines) else []
    table = Table(*columns, title="Layers", title_justify="left")
    for column in table.columns[2:5]:
        column.justify = "right"
    reports = {line.number: line for line in lines}
    for i, layer in enumerate(network.layers):
        line = reports.get(i)
        cells = [str(i), layer.name, "x".join(map(str, layer.output.shape)), *(f"{n:,}" if n else "" for n in (layer.macs, layer.weight_bytes))]
        if line and streams:
            rows = f"{line.rows} of {_count(line.of, 'row')}" if line.streams else "no"
            cells += [rows, f"{line.state_bytes:,} bytes" if line.state_bytes else ""]
        table.add_row(*cells, *([line.reason] if line and line.reason else []))
    table.add_section()
    table.add_row("", "total", "", f"{sum(one.macs for one in network.layers):,}", f"{sum(one.weight_bytes for one in network.layers):,}")
    return table


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'s' * (n != 1)}"


def _obstacle(program: ProgramInfo, op: OpInfo, new: int, hop: int) -> str:
    """Why an op cannot go on with `new` rows a step of its input; empty where it can."""
    x, y = program.tensors[op.inputs[0]], program.tensors[op.output]
    if op.code in WINDOWED and op.kernel[0] > 1:
        extent = (op.kernel[0] - 1) * op.dilation[0] + 1
        future = (y.shape[0] - 1) * op.stride[0] - op.pads[0] + extent - x.shape[0]
        if future > 0:
            return future_rows(future)
    if op.code in WINDOWED and new % op.stride[0] and y.shape[0] > 1:
        return uneven_step(new, op.stride[0], hop, program.input.shape[0])
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
        reason = _obstacle(program, op, rows, hop) if rows and height == x.shape[0] else ""
        if reason:
            found.append(f"op {i}, {op.code.name.lower()}: {reason}")
        stride = op.stride[0] if op.code in WINDOWED else 1
        slides = rows and height == x.shape[0] and not reason and y.shape[0] > 1 and y.shape[0] >= rows // stride
        new[y.offset] = (rows // stride, y.shape[0]) if slides else (0, 0)
    return found


def headline(blob: BlobInfo) -> str:
    """What a stream of this blob does, in a line."""
    hop = blob.decision_hop_frames
    if blob.window.states:
        return f"Streaming: the network keeps its own state; each run takes {_count(hop, 'new frame')}"
    every = "frame" if hop == 1 else f"{hop} frames"
    if blob.step is None:
        return f"Streaming: window mode only, the whole network for each {every}"
    macs = f"{blob.step.macs:,} of the window's {blob.macs:,} MACs"
    return f"Streaming: a step for each {every} runs {macs} and keeps {blob.step.state_bytes:,} bytes"


def summary(blob: BlobInfo) -> list[str]:
    """The headline, and the ops that do not stream."""
    found = [] if blob.window.states else obstacles(blob.window, blob.decision_hop_frames)
    return [headline(blob)] + [f"  {text}" for text in found]


def notes(lines: Sequence[LayerReport]) -> list[str]:
    """Where the scores of a stream are not the window's."""
    pads = [str(line.number) for line in lines if line.pads_front]
    if not pads:
        return []
    who = f"layer {pads[0]} pads" if len(pads) == 1 else f"layers {', '.join(pads)} pad"
    return [f"{who} the front of time: a stream sees the sound before the window there, so its scores are not the window's"]
