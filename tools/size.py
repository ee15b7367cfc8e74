"""How much flash and RAM each room of the firmware takes, from the ELF file's sections and the linker's map beside it.

    python -m tools.size build/STM32F769I_DISCO/firmware.elf --limit-kb 512 [--detail]

Exit code 1 when the flash is above the limit. Also writes build/reports/size.json.
"""

import argparse
import json
import re
import sys
from collections import Counter
from pathlib import Path

from elftools.elf.elffile import ELFFile

RAM = range(0x20000000, 0x20080000)
ROOMS = {"usermod_kws": "kws", "py": "MicroPython", "extmod": "MicroPython", "shared": "MicroPython", "drivers": "MicroPython", "lib": "libs"}
ORDER = ("MicroPython", "frozen Python", "port", "kws", "libs", "alignment")

# ` .text.name  0xADDRESS  0xSIZE  object`; a long name stands on a line of its own before the rest.
_INPUT = re.compile(r"^ (?:\S+)?\s+0x([0-9a-f]+)\s+0x([0-9a-f]+) (\S.*)$")


def room_of(obj: str, build: Path) -> str:
    """The room that an object file of the map belongs to; archives are the compiler's and the C library's."""
    if ".a(" in obj:
        return "libs"
    path = Path(obj)
    if path.is_absolute() and path.is_relative_to(build):
        path = path.relative_to(build)
    if path.name.startswith("frozen_content"):
        return "frozen Python"
    return ROOMS.get(path.parts[0], "port") if len(path.parts) > 1 else "port"


def map_inputs(text: str) -> list[tuple[int, int, str]]:
    """(address, length, object) of every input section that the linker placed."""
    _, found, body = text.partition("Linker script and memory map")
    if not found:
        raise ValueError("not a linker map: no heading 'Linker script and memory map'")
    matches = (_INPUT.match(line) for line in body.splitlines())
    return [(int(m[1], 16), int(m[2], 16), m[3]) for m in matches if m and int(m[2], 16)]


def measure(elf: Path) -> tuple[dict[str, Counter], Counter, dict[str, int]]:
    """Bytes {"flash" | "ram": Counter by room}, flash by object file, and the linker script's symbols."""
    with elf.open("rb") as f:
        image = ELFFile(f)
        sections = [(s["sh_addr"], s["sh_size"], s["sh_type"] == "SHT_PROGBITS" or s["sh_type"] == "SHT_ARM_EXIDX")
                    for s in image.iter_sections() if s["sh_flags"] & 2 and s["sh_size"]]
        symbols = {s.name: s["st_value"] for s in image.get_section_by_name(".symtab").iter_symbols() if s.name.startswith("_")}
    totals: dict[str, Counter] = {"flash": Counter(), "ram": Counter()}
    by_object: Counter = Counter()
    inputs = sorted(set(map_inputs(elf.with_suffix(".map").read_text())))
    for start, length, stored in sections:
        kinds = (["ram"] if start in RAM else []) + (["flash"] if stored else [])
        rest = length
        for address, size, obj in inputs:
            if start <= address and address + size <= start + length:
                rest -= size
                for kind in kinds:
                    totals[kind][room_of(obj, elf.parent)] += size
                by_object[obj] += size if stored else 0
        for kind in kinds:
            totals[kind]["alignment"] += rest
    return totals, by_object, symbols


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.size", description=__doc__.splitlines()[0])
    parser.add_argument("elf", type=Path)
    parser.add_argument("--limit-kb", type=int, default=512, help="most flash without models (512)")
    parser.add_argument("--detail", action="store_true", help="the largest object files too")
    parser.add_argument("--report", type=Path, default=Path("build/reports/size.json"))
    args = parser.parse_args()
    totals, by_object, symbols = measure(args.elf.resolve())
    print(f"{'bytes':16}{'flash':>10}{'RAM':>10}")
    for room in ORDER:
        print(f"{room:16}{totals['flash'][room]:10d}{totals['ram'][room]:10d}")
    flash, ram = totals["flash"].total(), totals["ram"].total()
    print(f"{'total':16}{flash:10d}{ram:10d}   flash limit {args.limit_kb * 1024}: {flash / args.limit_kb / 10.24:.0f} % used")
    if "_heap_start" in symbols and "_stack_limit" in symbols:
        heap, stack = symbols["_heap_end"] - symbols["_heap_start"], symbols["_stack_top"] - symbols["_stack_limit"]
        print(f"beside the RAM above: Python heap {heap} bytes, stack {stack} bytes")
    if args.detail:
        for obj, size in by_object.most_common(40):
            print(f"{size:10d}  {obj.removeprefix(str(args.elf.resolve().parent) + '/')}")
    how = f"python -m tools.size {args.elf.name}"
    rows = [{"name": f"size/{room}", "metric": f"{kind}_bytes", "value": count[room], "unit": "bytes", "how": how}
            for kind, count in totals.items() for room in ORDER]
    args.report.parent.mkdir(parents=True, exist_ok=True)
    args.report.write_text(json.dumps(rows, indent=1) + "\n")
    if flash > args.limit_kb * 1024:
        print(f"the firmware is {flash - args.limit_kb * 1024} bytes above the limit of {args.limit_kb} KB of flash", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
