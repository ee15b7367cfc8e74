"""The command's files: what it reads is bounded, and what it writes is there as a whole or not at all."""

import os
import tempfile
from pathlib import Path

from tools.import_tflite.flatbuffer import MAX_FILE_BYTES, TfliteError


def read_model(path: Path) -> bytes:
    """A file of at most MAX_FILE_BYTES; a device without end is not read further."""
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise TfliteError(f"the file has more than {MAX_FILE_BYTES} bytes, which no model that can be imported has")
    return data


def check_output(path: Path, *sources: Path) -> None:
    """The output is none of the files that are read, by whatever name."""
    for source in sources:
        if path.exists() and source.exists() and path.samefile(source):
            raise ValueError(f"the output {path} is the same file as the input {source}")


def write(path: Path, data: bytes) -> None:
    """The whole file or none, whatever happens meanwhile. A link stays, the file that it names is replaced; what is there and no
    file (a device, a pipe) is written to."""
    target = path.resolve()
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(data)
        else:
            _replace(target, data)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _replace(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:64]}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
