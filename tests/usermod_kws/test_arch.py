"""kws.mk: which sources a processor's build takes."""

import subprocess
from pathlib import Path

import pytest


def sources(repo_root: Path, arch: str) -> set[str]:
    rule = "include usermod_kws/kws.mk\nall: ; @echo $(KWS_SRC_C)\n"
    make = ["make", "-s", "-f", "-", f"KWS_ARCH={arch}"]
    done = subprocess.run(make, input=rule, check=True, cwd=repo_root, capture_output=True, text=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("arch", ["m7", "a64"])
def test_a_processors_own_kernels_are_built(repo_root: Path, arch: str) -> None:
    """With two tables the firmware does not link, with the plain one it is several times too slow."""
    plain, own = sources(repo_root, "c"), sources(repo_root, arch)
    assert f"kernels/{arch}/table.c" in own and "kernels/table.c" not in own
    assert {f for f in own if f"/{arch}/" in f} == {
        str(f.relative_to(repo_root / "usermod_kws")) for f in repo_root.glob(f"usermod_kws/*/{arch}/*.c")
    }
    replaced = plain - own - {"kernels/table.c"}
    assert replaced == {f for f in plain if f.startswith("frontend/") and f.replace("/", f"/{arch}/") in own}
    assert {f for f in plain if f.startswith("kernels/")} - own == {"kernels/table.c"}  # reference and fallback


def test_a_processor_without_kernels_gets_the_plain_ones(repo_root: Path) -> None:
    """A port to another processor builds before anybody has written kernels for it."""
    assert sources(repo_root, "rv32") == sources(repo_root, "c")
    assert "kernels/table.c" in sources(repo_root, "c")
