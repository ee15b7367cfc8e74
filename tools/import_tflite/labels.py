"""The classes' names, from the command line or a file."""

from collections import Counter
from pathlib import Path


def from_text(text: str) -> list[str]:
    """Names with commas between, blanks around them left out."""
    return _checked(text.split(","), "--labels")


def from_file(path: Path) -> list[str]:
    """A name a line; empty lines at the end do not count."""
    try:
        lines = path.read_bytes().decode("utf-8-sig").rstrip().splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"--labels-file {path}: no text in UTF-8 (byte {error.start})") from error
    return _checked(lines, f"--labels-file {path}")


def _checked(names: list[str], what: str) -> list[str]:
    labels = [name.strip() for name in names]
    if not any(labels):
        raise ValueError(f"{what}: no labels")
    if "" in labels:
        raise ValueError(f"{what}: label {labels.index('') + 1} of {len(labels)} is empty")
    label, count = Counter(labels).most_common(1)[0]
    if count > 1:
        raise ValueError(f"{what}: {label!r} is there {count} times")
    return labels
