"""What a clone must not carry: places that exist on one machine only, or hosts that another network does not reach."""

import re
import subprocess
from pathlib import Path

import pytest

# Put together here so that this file does not name them.
REGISTRIES = ["pypi" + ".org", "files.python" + "hosted", "deb." + "debian", "registry." + "npmjs"]


@pytest.fixture(scope="module")
def tracked(repo_root) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=repo_root, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout, so there is no list of tracked files")
    return [repo_root / name for name in listed.stdout.split("\0") if name and (repo_root / name).is_file()]


def test_no_registry_host_and_no_path_of_one_machine(tracked, repo_root):
    """A build works here and fails behind a company's mirror, or looks for a folder that only its author has."""
    machine = [str(repo_root) + "/", str(Path.home()) + "/"] if len(str(repo_root)) > 4 else []
    pattern = re.compile("|".join(map(re.escape, [*REGISTRIES, *machine, "/tmp/" + "hark"])).encode())
    found = [(path.name, match[0]) for path in tracked if (match := pattern.search(path.read_bytes()))]
    assert not found


def test_every_requirement_is_pinned_and_hashed(repo_root):
    """A requirement can change under the user's feet."""
    for lock in ("base.txt", "test.txt"):
        text = (repo_root / "requirements" / lock).read_text()
        entries = [entry for entry in re.split(r"(?<!\\)\n(?!\s)", text) if entry and not entry.startswith("#")]
        assert len(entries) > 10
        for entry in entries:
            assert re.match(r"[a-z0-9.-]+==[0-9]", entry) and "--hash=sha256:" in entry, entry[:80]
        assert "://" not in text and "--index" not in text and "--find-links" not in text


def test_both_locks_agree(repo_root):
    """The demonstration runs with other versions than the tests have tried."""
    pins = [set(re.findall(r"^([a-z0-9.-]+==\S+)", (repo_root / "requirements" / name).read_text(), re.MULTILINE)) for name in ("base.txt", "test.txt")]
    assert pins[0] <= pins[1]
