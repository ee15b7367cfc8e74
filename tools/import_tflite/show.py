"""What an import has made, as tables for people."""

from rich.console import Console
from rich.table import Table

from tools.blob.reader import BlobInfo, read
from tools.blob.streaming import report_table, summary
from tools.import_tflite.importer import ImportReport


def _layers(blob: BlobInfo) -> Table:
    window = blob.window
    table = Table("op", "layer", "output", "MACs", "weights", title="Layers", title_justify="left")
    for column in table.columns[2:]:
        column.justify = "right"
    for i, op in enumerate(window.ops):
        shape = "x".join(map(str, window.tensors[op.output].shape))
        macs, weights = (f"{n:,}" if n else "" for n in (op.macs, op.weight_bytes))
        table.add_row(str(i), op.code.name.lower(), shape, macs, weights)
    table.add_section()
    table.add_row("", "total", "", f"{window.macs:,}", f"{sum(op.weight_bytes for op in window.ops):,}")
    return table


def show(name: str, report: ImportReport, console: Console) -> None:
    """The layers, what streams and why the rest does not, the arena, the bytes."""
    blob = read(report.blob)
    console.print(_layers(blob))
    if blob.frontend and report.writer.report:
        console.print(report_table(report.writer.report))
    lines = summary(blob) if blob.frontend else ["Streaming: none without a front end (--frontend, --frontend-from)"]
    if report.writer.no_step_program and blob.frontend:
        lines.append(f"  no step program: {report.writer.no_step_program}")
    console.print("\n".join(lines), soft_wrap=True)
    console.print(f"Input:  {report.input}\nOutput: {report.output}", soft_wrap=True)
    step = f", {blob.step.arena_bytes:,} of a step" if blob.step else ""
    console.print(f"{name}: {blob.length:,} bytes, arena {blob.window.arena_bytes:,} bytes{step}", soft_wrap=True)
