"""The port's register header is what its generator makes of the device's facts."""

import importlib.util
import json
import re
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def facts(shared_dir: Path) -> dict:
    return json.loads((shared_dir / "facts" / "stm32f769.json").read_text())


@pytest.fixture(scope="module")
def generator(repo_root: Path):
    spec = importlib.util.spec_from_file_location("port_regs_gen", repo_root / "tools" / "regs_gen.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_header_is_up_to_date(generator, facts: dict) -> None:
    """A wrong address or bit would write to the wrong place of the chip, silently."""
    header = (generator.PORT / "stm32f7_regs.h").read_text()
    assert header == generator.header_text(facts, generator.used_names(generator.port_sources())), (
        "run: python tools/regs_gen.py --facts ../shared/facts/stm32f769.json"
    )


def test_every_number_of_the_header_is_a_fact(generator, facts: dict) -> None:
    """The generator itself could be wrong: read the header back and compare it with the facts name by name."""
    header = (generator.PORT / "stm32f7_regs.h").read_text()
    masks = dict(re.findall(r"^#define ([A-Z]\w+) (0x\w+)U$", header, re.MULTILINE))
    addresses = {name: masks.pop(name) for name in generator.ADDRESSES}
    assert len(masks) > 100
    assert {n: int(v, 16) for n, v in masks.items()} == {n: int(facts["masks"][n], 16) for n in masks}
    for name, base in generator.ADDRESSES.items():
        assert int(addresses[name], 16) == int(facts["bases"][base], 16)
    instances = re.findall(r"^#define (\w+) \(\((\w+)_TypeDef \*\)(0x\w+)U\)$", header, re.MULTILINE)
    assert len(instances) > 50
    for name, layout, address in instances:
        base = {"QUADSPI": "QSPI_R", "FLASH": "FLASH_R"}.get(name, name)
        assert int(address, 16) == int(facts["bases"][base], 16), name
        assert name.startswith(layout.split("_")[0]) or layout == "USART", name


def test_structures_have_the_facts_offsets(generator, facts: dict) -> None:
    """A gap of the wrong size would move every register behind it."""
    header = (generator.PORT / "stm32f7_regs.h").read_text()
    structures = re.findall(r"typedef struct \{\n(.*?)\} (\w+)_TypeDef;", header, re.DOTALL)
    assert len(structures) > 15
    for body, layout in structures:
        at, offsets = 0, {}
        for name, count in re.findall(r"uint32_t (\w+?)(?:\[(\d+)\])?;", body):
            if not name.startswith("reserved"):
                offsets[name] = [at, int(count)] if count else at
            at += 4 * int(count or 1)
        assert offsets == facts["registers"][layout], layout
