"""The simulator's and the port's register numbers against the device's fact file."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from tools.vboard import regs, regs_gen


@pytest.fixture(scope="module")
def facts(shared_dir):
    return json.loads((shared_dir / "facts" / "stm32f769.json").read_text())


def test_every_number_of_the_simulator_is_the_devices(facts):
    """A wrong address in the simulator would let a wrong one in the firmware pass."""
    checked = 0
    for kind in ("bases", "irq", "masks", "registers"):
        for name, value in regs.TABLE[kind].items():
            assert facts[kind][name] == value, f"{kind} {name}"
            checked += 1
    assert checked > 600


def test_table_is_what_the_generator_writes(facts):
    """An edited or outdated regs.json would hide from the comparison above what the code really uses."""
    assert regs_gen.extract(facts) == regs.TABLE


@pytest.fixture(scope="module")
def port_header(repo_root):
    return (repo_root / "micropython_port" / "stm32f7" / "stm32f7_regs.h").read_text()


def test_every_base_address_of_the_port_is_the_devices(facts, port_header):
    """A peripheral looked for at a wrong address is dead on the board."""
    found = re.findall(r"#define (\w+) \(\(\w+_TypeDef \*\)(0x[0-9A-Fa-f]+)U\)", port_header)
    assert len(found) > 20
    for name, value in found:
        key = {"FLASH": "FLASH_R", "QUADSPI": "QSPI_R"}.get(name, name)
        assert int(value, 16) == int(facts["bases"][key], 16), name


def test_every_mask_of_the_port_is_the_devices(facts, port_header):
    """A wrong bit in the port's header would work here and fail on the board."""
    checked = 0
    for name, value in re.findall(r"#define (\w+) (0x[0-9A-Fa-f]+|\d+)U\b", port_header):
        whole = name.removesuffix("_Pos")
        if name in facts["masks"]:
            assert int(value, 0) == int(facts["masks"][name], 16), name
        elif name.endswith("_Pos") and whole in facts["masks"]:
            mask = int(facts["masks"][whole], 16)
            assert int(value, 0) == (mask & -mask).bit_length() - 1, name
        elif name.removesuffix("_BASE") in facts["bases"]:
            assert int(value, 0) == int(facts["bases"][name.removesuffix("_BASE")], 16), name
        else:
            assert name.startswith("__"), f"{name} is not in the fact file"  # what CMSIS' core header asks for
            continue
        checked += 1
    assert checked > 100


def test_every_interrupt_of_the_port_is_the_devices(facts, port_header):
    """A handler at the wrong vector never runs."""
    found = re.findall(r"(\w+)_IRQn = (-?\d+)", port_header)
    assert len(found) > 100
    for name, value in found:
        assert facts["irq"][name] == int(value), name


def test_every_register_of_the_port_lies_where_the_devices_does(facts, port_header, tmp_path):
    """A hole forgotten in a register block moves everything behind it."""
    lines = ['#include <stddef.h>\n#include <stdint.h>\n#include "stm32f7_regs.h"']
    for body, family in re.findall(r"typedef struct \{([^}]*)\} (\w+)_TypeDef;", port_header):
        for name in re.findall(r"volatile uint32_t (\w+)", body):
            offset = facts["registers"][family][name]
            offset = offset[0] if isinstance(offset, list) else offset
            lines.append(f'_Static_assert(offsetof({family}_TypeDef, {name}) == {offset}, "{family}->{name}");')
    assert len(lines) > 150
    source = tmp_path / "offsets.c"
    source.write_text("\n".join(lines) + "\n")
    (tmp_path / "stm32f7_regs.h").write_text(port_header)
    (tmp_path / "core_cm7.h").touch()  # not what is looked at here
    command = ["arm-none-eabi-gcc", "-mcpu=cortex-m7", "-mthumb", "-fsyntax-only", "-I", str(tmp_path), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
