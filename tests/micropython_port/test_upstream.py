"""MicroPython's own test suite on the virtual board: what fails is exactly what is listed, with its reason."""

from __future__ import annotations

from pathlib import Path

from tests.micropython_port import upstream


def test_upstreams_suite(firmware_elf: Path, micropython_dir: Path, repo_root: Path) -> None:
    """A user's program that works on other boards must work on this one, or the README says why not."""
    results = upstream.run(firmware_elf, micropython_dir, repo_root / "build" / "upstream")
    known = upstream.expected_failures()
    failed = {test for test, result in results.items() if result == "FAIL"}
    assert sum(result == "pass" for result in results.values()) > 700
    assert not failed - known.keys(), "these fail and are not listed in upstream_expected.txt"
    assert not known.keys() - failed, "these are listed in upstream_expected.txt and pass"


def test_the_list_is_in_the_ports_readme(repo_root: Path) -> None:
    """The README's table is what people read; it must name every test that fails."""
    readme = (repo_root / "micropython_port" / "stm32f7" / "README.md").read_text()
    for name, reason in upstream.expected_failures().items():
        assert name in readme, f"{name} ({reason}) is missing in the port's README"
