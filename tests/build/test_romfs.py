"""tools/romfs.py: what MicroPython reads from the image is what was packed, and every file is aligned."""

import hashlib
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools import romfs

NAMES = st.text(alphabet=st.characters(codec="ascii", min_codepoint=33, exclude_characters="/"), min_size=1, max_size=40)
FILES = st.dictionaries(NAMES, st.binary(max_size=400), max_size=8)


@given(FILES)
def test_unpack_gives_back_what_was_packed(files):
    """A model in the image has other bytes than in the repository."""
    image = romfs.pack(files.items())
    assert len(image) % romfs.ALIGN == 0
    found = {name: image[at : at + length] for name, at, length in romfs.unpack(image)}
    assert found == files
    assert all(at % romfs.ALIGN == 0 for _, at, _ in romfs.unpack(image))


@given(FILES)
def test_order_of_the_arguments_does_not_matter(files):
    """Two builds of the same sources give different images."""
    assert romfs.pack(files.items()) == romfs.pack(reversed(list(files.items())))


@given(FILES, st.integers(0, 3000))
def test_a_cut_image_is_refused(files, keep):
    """A half downloaded image is listed as if it were whole."""
    image = romfs.pack(files.items())
    if keep < len(image):
        with pytest.raises(ValueError):
            list(romfs.unpack(image[:keep]))


@pytest.mark.parametrize("name", ["", "a/b", "twice"])
def test_names_that_cannot_be_are_refused(name):
    """Two models of the same name hide each other."""
    with pytest.raises(ValueError):
        romfs.pack([(name, b""), ("twice", b""), ("twice", b"")] if name == "twice" else [(name, b"")])


def test_mpremotes_images_are_read_too(tmp_path):
    """An image that was made with `mpremote romfs build` cannot be listed or packed into a release."""
    make_romfs = pytest.importorskip("mpremote.romfs").make_romfs
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "a.txt").write_bytes(b"one")
    (tmp_path / "in" / "sub" / "b.txt").write_bytes(b"two" * 100)
    image = make_romfs(str(tmp_path / "in"), mpy_cross=False)
    assert {name: image[at : at + length] for name, at, length in romfs.unpack(image)} == {"a.txt": b"one", "sub/b.txt": b"two" * 100}


def test_micropython_reads_it(linux_micropython, tmp_path):
    """The board cannot mount the image."""
    files = {f"m{n}.kws": bytes(range(256)) * n + b"x" * (n % 17) for n in range(0, 90, 7)}
    image = tmp_path / "romfs.img"
    image.write_bytes(romfs.pack(files.items()))
    script = f"""
import hashlib, os, vfs
vfs.mount(vfs.VfsRom(open({str(image)!r}, "rb").read()), "/rom")
for name in os.listdir("/rom"):
    print(name, len(memoryview(open("/rom/" + name, "rb"))), hashlib.sha256(open("/rom/" + name, "rb").read()).digest().hex())
"""
    said = subprocess.run([linux_micropython, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said.split("\n")[:-1] == [f"{name} {len(data)} {hashlib.sha256(data).hexdigest()}" for name, data in sorted(files.items())]
