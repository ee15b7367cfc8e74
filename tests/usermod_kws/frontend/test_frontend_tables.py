"""The generated C tables are what their generator writes, and what they say they are."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="module")
def tables(repo_root: Path) -> dict[str, np.ndarray]:
    text = (repo_root / "usermod_kws" / "frontend" / "tables.c").read_text()
    found = re.findall(r"const \w+ (\w+)\[(\d+)\] = \{(.*?)\};", text, re.DOTALL)
    arrays = {name: np.array(re.findall(r"-?\d+", body), dtype=np.int64) for name, _, body in found}
    assert all(arrays[name].size == int(size) for name, size, _ in found) and len(arrays) == 6
    return arrays


def test_tables_are_up_to_date(repo_root: Path) -> None:
    """When this fails, tables.c was edited by hand or its generator changed: run the generator."""
    generator = repo_root / "usermod_kws" / "frontend" / "gen_tables.py"
    assert subprocess.run([sys.executable, generator, "--check"], check=False).returncode == 0


def test_values(tables: dict[str, np.ndarray]) -> None:
    """When this fails, a table holds something else than its name says."""
    for name, array in tables.items():
        if "twiddles" in name or "split" in name:
            cosine, sine = array.reshape(-1, 2).T / 2.0**30
            assert np.abs(cosine**2 + sine**2 - 1).max() < 3e-9
    turn = np.unwrap(np.arctan2(*tables["kws_fft_split"].reshape(-1, 2).T[::-1]))
    assert np.abs(turn - 2 * np.pi * np.arange(256) / 1024).max() < 2e-9
    reversal = tables["kws_fft_bit_reversal"]
    assert np.array_equal(reversal[reversal], np.arange(512)) and reversal[1] == 256 and reversal[2] == 128
    assert np.abs(tables["kws_log2_table"] / 65536 - np.log2(1 + np.arange(33) / 32)).max() < 1e-5
