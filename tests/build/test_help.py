"""`make help` is the list that people work from."""

import re
import shutil
import subprocess
from pathlib import Path


def make(repo_root: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(["make", *arguments], cwd=repo_root, capture_output=True, text=True, check=False)


def makefiles(repo_root: Path) -> str:
    return "\n".join(path.read_text() for path in [repo_root / "Makefile", *sorted((repo_root / "mk").glob("*.mk"))])


def test_help_lists_every_target_that_is_documented(repo_root):
    """A target exists that nobody finds."""
    documented = dict(re.findall(r"^([a-z0-9-]+):.*?## (.+)$", makefiles(repo_root), re.MULTILINE))
    shown = make(repo_root, "help").stdout
    wanted = {"help", "demo", "test", "firmware", "linux", "host", "romfs", "dist", "bench", "bench-live", "size", "lint", "clean", "setup"}
    assert wanted <= documented.keys()
    for target, text in documented.items():
        assert re.search(rf"^  {target} +{re.escape(text)}$", shown, re.MULTILINE), target


def test_plain_make_is_help(repo_root):
    """Somebody who types `make` in a fresh clone starts a long build instead of reading what there is."""
    assert make(repo_root).stdout == make(repo_root, "help").stdout


def test_every_documented_target_is_phony(repo_root):
    """A file or folder that happens to be called `test` or `demo` turns the target off."""
    text = makefiles(repo_root)
    phony = set(" ".join(re.findall(r"^\.PHONY: (.+)$", text, re.MULTILINE)).split())
    assert set(re.findall(r"^([a-z0-9-]+):.*## ", text, re.MULTILINE)) <= phony


def test_unknown_board_is_named(repo_root):
    """A typing error in BOARD= gives a page of make's own errors instead of the boards there are."""
    done = make(repo_root, "-n", "firmware", "BOARD=NO_SUCH_BOARD")
    assert "NO_SUCH_BOARD" in done.stdout  # the check is part of the recipe; running it needs the set-up
    check = re.search(r'(\[ -d boards/.*)', done.stdout)[1]
    assert "STM32F769I_DISCO" in subprocess.run(["bash", "-c", check], cwd=repo_root, capture_output=True, text=True, check=False).stderr


def test_targets_install_the_packages_that_they_need(repo_root):
    """On a fresh machine a target stops at a compiler that is not there, because its set-up has no recipe."""
    wanted = {"firmware": ["build", "firmware"], "linux": ["build", "aarch64"], "demo": ["build", "demo"], "test": ["build", "demo", "test"]}
    for target, groups in wanted.items():
        would_run = make(repo_root, "-n", target).stdout
        for group in groups:
            assert f"tools/setup/apt.sh {group}" in would_run, (target, group)


def test_a_folder_with_a_space_is_refused(repo_root, tmp_path):
    """`make clean` in "my hark" removes the folder "my" beside it."""
    (tmp_path / "my").mkdir()
    folder = tmp_path / "my hark"
    shutil.copytree(repo_root / "mk", folder / "mk")
    for name in ("Makefile", "VERSION"):
        shutil.copy(repo_root / name, folder)
    done = make(folder, "clean")
    assert done.returncode != 0 and "space" in done.stderr and (tmp_path / "my").is_dir()
    assert make(repo_root, "-n", "clean", f"HARK_CACHE={folder}").returncode != 0
