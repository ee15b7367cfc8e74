"""What an import made, for people."""

from rich.console import Console

from tools.import_tflite.importer import ImportReport


def show(name: str, report: ImportReport, console: Console) -> None:
    console.print(f"{name}: {len(report.blob):,} bytes")
    console.print(f"input:  {report.input}")
    console.print(f"output: {report.output}")
