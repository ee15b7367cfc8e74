# Runs before boot.py: brings the file system up at /flash.

import os
import sys

import stm
import vfs

# 256-byte caches, one page of the chip; a look-ahead of 4096 blocks, so that a search for a free block walks the file
# system's directories four times at most on the whole chip.
_LFS = {"readsize": 64, "progsize": 64, "lookahead": 512}


def _has_superblock(device):
    # littlefs keeps its superblock in block 0 or 1, and its name at byte 8 of it.
    name = bytearray(8)
    for block in (0, 1):
        error = device.readblocks(block, name, 8)
        if error:
            raise OSError(-error)
        if name == b"littlefs":
            return True
    return False


def _mount():
    device = stm.Flash()
    error = device.ioctl(1, 0)
    if error:
        raise OSError(-error)
    if not _has_superblock(device):
        # A blank chip.  One that is merely damaged is never formatted: somebody may still want its files.
        print("MPY: formatting /flash")
        vfs.VfsLfs2.mkfs(device, **_LFS)
    vfs.mount(vfs.VfsLfs2(device, **_LFS), "/flash")
    os.chdir("/flash")
    sys.path += ["/flash", "/flash/lib"]


try:
    _mount()
except OSError as error:
    print("MPY: /flash is not available:", error)
