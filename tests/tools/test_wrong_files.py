"""Programs that take a model's file say in one line what is wrong with it."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tools import soak
from tools.bench import a64run, m7run
from tools.blob import BlobWriter, Quant
from tools.blob.samples import tiny_sequence, tiny_stream

PROGRAMS = {"m7run": (m7run.main, []), "a64run": (a64run.main, []), "soak": (soak.main, ["--hours", "0.01", "--model"])}
Refused = Callable[[str, Path], str]


def bare() -> bytes:
    """A network of one layer without a front end."""
    writer = BlobWriter()
    writer.softmax(writer.input((1, 1, 4), Quant(0.1, 0)))
    return writer.finish()


def large_weights() -> bytes:
    """1.1 MB of weights."""
    writer = BlobWriter()
    x = writer.input((128, 1, 8), Quant(0.1, 0))
    writer.fully_connected(x, np.ones((1100, 1024), np.int8), np.zeros(1100, np.int32), np.full(1100, 0.1), Quant(0.1, 0))
    return writer.finish()


def large_arena() -> bytes:
    """400 KB of input."""
    writer = BlobWriter()
    writer.max_pool2d(writer.input((4000, 1, 100), Quant(0.1, 0)), (2, 1))
    return writer.finish()


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Runs a program on a file; its one line on stderr. Its exit status must be 1, and it must print nothing else."""

    def run(name: str, path: Path) -> str:
        main, arguments = PROGRAMS[name]
        monkeypatch.setattr(sys, "argv", [name, *arguments, str(path)])
        assert main() == 1
        out, err = capsys.readouterr()
        assert out == "" and err.startswith("error: ") and err.count("\n") == 1, err
        return err

    return run


def wrong_files() -> dict[str, tuple[bytes | None, str]]:
    blob = tiny_stream()
    return {
        "missing.kws": (None, "No such file"),
        "model.tflite": (b"\x1c\0\0\0TFL3" + bytes(100), "tools.import_tflite"),
        "old.kws": (blob[:4] + b"\1\0\0\0" + blob[8:], "version 1; this tool knows 2; import or export the model again"),
        "bits.kws": (blob[:-3] + bytes([blob[-3] ^ 1]) + blob[-2:], "CRC"),
        "short.kws": (blob[:-4], "the header says"),
        "empty.kws": (b"", "does not start with"),
    }


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("name", wrong_files())
def test_a_wrong_file_is_refused_in_one_line(refused: Refused, tmp_path: Path, program: str, name: str) -> None:
    """Whoever mistypes a name reads the reason, not a traceback."""
    data, words = wrong_files()[name]
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    line = refused(program, path)
    assert str(path) in line and words in line


@pytest.mark.parametrize(("blob", "words"), [(bare, "front end"), (tiny_sequence, "step program")])
def test_the_soak_refuses_models_without_streams(refused: Refused, tmp_path: Path, blob: Callable[[], bytes], words: str) -> None:
    """There is nothing to compare in them."""
    path = tmp_path / "m.kws"
    path.write_bytes(blob())
    assert words in refused("soak", path)


@pytest.mark.parametrize(("blob", "words"), [(large_weights, "the blob has"), (large_arena, "window program's arena has")])
def test_the_bench_refuses_what_its_memory_cannot_hold(refused: Refused, tmp_path: Path, blob: Callable[[], bytes], words: str) -> None:
    """A model that no Cortex-M7 of this bench can hold would end in an exception of Unicorn's."""
    path = tmp_path / "big.kws"
    path.write_bytes(blob())
    assert words in refused("m7run", path)


@pytest.mark.parametrize("hours", ["0", "-1", "nan", "inf", "x"])
def test_the_soak_wants_time(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], hours: str) -> None:
    """No time would compare nothing and report success."""
    monkeypatch.setattr(sys, "argv", ["soak", f"--hours={hours}"])
    with pytest.raises(SystemExit) as ended:
        soak.main()
    assert ended.value.code == 2 and "--hours" in capsys.readouterr().err
