"""A blob in a file, checked before a program runs it: load("mine.kws")."""

from pathlib import Path

from tools import kwslib
from tools.blob.reader import BlobError, read


def load(path: Path) -> bytes:
    """The file's blob, valid for both readers, Python's and C's. BlobError names the file and says what is wrong."""
    try:
        blob = path.read_bytes()
        read(blob)
        kwslib.Model(blob)
    except OSError as error:
        raise BlobError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise BlobError(f"{path}: {error}") from error
    return blob
