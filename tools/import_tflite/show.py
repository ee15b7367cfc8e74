"""What an import has made, for people."""

from rich.console import Console

from tools.blob.reader import BlobInfo, read
from tools.blob.streaming import headline, layers_table, notes
from tools.import_tflite.importer import ImportReport

ROMFS_BYTES = 1 << 20  # of the board, for the app and its model
PROBABILITY = (1 / 256, -128)  # scale and zero point of a softmax or logistic


def warnings(blob: BlobInfo) -> list[str]:
    """What the app, make demo or the board would stumble over."""
    found = []
    if blob.frontend and not blob.labels:
        found.append("no labels: kws.Stream works, the app and make demo need --labels")
    if blob.frontend and (blob.output.scale, blob.output.zero_point) != PROBABILITY:
        found.append("the output is no softmax or logistic (scale 1/256, zero point -128): the app's thresholds mean posteriors 0..1")
    if blob.length > ROMFS_BYTES:
        found.append(f"the board's ROMFS has {ROMFS_BYTES:,} bytes: this model does not fit")
    return found


def _streaming(blob: BlobInfo, report: ImportReport) -> list[str]:
    if not blob.frontend:
        return ["Streaming: none without a front end (--frontend, --frontend-from)"]
    lines = [headline(blob)]
    if report.writer.no_step_program and not blob.window.states:
        lines.append(f"  no step program: {report.writer.no_step_program}")
    return lines + [f"  {text} (mode='window' or --stream off gives those)" for text in notes(report.writer.report)]


def show(name: str, report: ImportReport, console: Console) -> None:
    """The layers, what streams and why the rest does not, the arena, the bytes, warnings."""
    blob = read(report.blob)
    console.print(layers_table(report.writer.network, report.writer.report, blob.step is not None))
    console.print("\n".join(_streaming(blob, report)), soft_wrap=True)
    console.print(f"Input:  {report.input}\nOutput: {report.output}", soft_wrap=True)
    step = f", {blob.step.arena_bytes:,} of a step" if blob.step else ""
    console.print(f"{name}: {blob.length:,} bytes, arena {blob.window.arena_bytes:,} bytes{step}", soft_wrap=True)
    for text in warnings(blob):
        console.print(f"warning: {text}", soft_wrap=True)
