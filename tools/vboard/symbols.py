"""What the ELF file knows: segments to load, symbols by address, source lines by address."""

from __future__ import annotations

import bisect
import functools
import shutil
import struct
import subprocess
from pathlib import Path

from elftools.elf.elffile import ELFFile

STT_FUNC = 2


class Symbols:
    """Reads an ELF file once; line numbers are decoded only when somebody asks."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.segments: list[tuple[int, bytes]] = []
        self.by_name: dict[str, int] = {}
        functions = []
        with path.open("rb") as f:
            elf = ELFFile(f)
            if elf.get_machine_arch() != "ARM":
                raise ValueError(f"{path} is an ELF file for {elf.get_machine_arch()}, not for ARM")
            self.entry = elf["e_entry"]
            for segment in elf.iter_segments():
                if segment["p_type"] == "PT_LOAD" and segment["p_filesz"]:
                    self.segments.append((segment["p_paddr"], segment.data()))
            table = elf.get_section_by_name(".symtab")
            if table is not None:
                names = elf.get_section(table["sh_link"]).data()
                functions = self._read_symbols(table.data(), names)
        functions.sort()
        self._functions = functions
        self._starts = [f[0] for f in functions]

    def _read_symbols(self, table: bytes, names: bytes) -> list[tuple[int, int, str]]:
        """Fills by_name; returns (start, size, name) of the functions. By hand, for speed."""
        functions = []
        for name_at, value, size, info, _, section in struct.iter_unpack("<IIIBBH", table):
            name = names[name_at : names.index(b"\0", name_at)].decode()
            if name and not name.startswith("$") and section:
                self.by_name.setdefault(name, value)
                if info & 15 == STT_FUNC:
                    functions.append((value & ~1, size, name))
        return functions

    def name_at(self, address: int) -> str:
        """The function that holds an address, or the address in hex."""
        i = bisect.bisect_right(self._starts, address) - 1
        if i >= 0:
            start, size, name = self._functions[i]
            if address < start + max(size, 2):
                return name
        return f"{address:#010x}"

    @functools.lru_cache(maxsize=256)  # noqa: B019  (a board keeps its symbols for life)
    def line_at(self, address: int) -> str:
        """`file.c:123` of an address, or an empty string."""
        for tool in ("arm-none-eabi-addr2line", "llvm-addr2line", "addr2line"):
            if shutil.which(tool):
                command = [tool, "-e", str(self.path), hex(address)]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                found = done.stdout.strip().rsplit("/", 1)[-1].split(" ")[0]
                return "" if done.returncode or found.startswith("?") else found
        return self._line_from_dwarf(address)

    def _line_from_dwarf(self, address: int) -> str:
        """The slow way, for machines without binutils."""
        with self.path.open("rb") as f:
            elf = ELFFile(f)
            if not elf.has_dwarf_info():
                return ""
            dwarf = elf.get_dwarf_info()
            aranges = dwarf.get_aranges()
            offset = aranges.cu_offset_at_addr(address) if aranges else None
            if offset is None:
                return ""
            program = dwarf.line_program_for_CU(dwarf.get_CU_at(offset))
            files = program["file_entry"]
            shift = 0 if program["version"] >= 5 else 1
            before = None
            for entry in program.get_entries():
                state = entry.state
                if state is None:
                    continue
                if before is not None and before.address <= address < state.address:
                    return f"{Path(files[before.file - shift].name.decode()).name}:{before.line}"
                before = None if state.end_sequence else state
        return ""

    def describe(self, address: int) -> str:
        """`0x08001234 <function> file.c:12` for messages."""
        line = self.line_at(address)
        return f"{address:#010x} <{self.name_at(address)}>{' ' + line if line else ''}"
