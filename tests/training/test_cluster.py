"""Jobs side by side: failures are told apart, nothing is left behind, and a wrong worker is refused."""
from __future__ import annotations

import math
import operator
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from distributed import get_worker
from rich.console import Console

from training import cluster
from training.cluster import ClusterError, Job, command, run

# Two jobs: one that ends at once, and one whose process sleeps for an hour.
SCRIPT = """
import operator
from pathlib import Path
from training.cluster import Job, command, run
if __name__ == "__main__":
    run([Job("quick", operator.add, (1, 2)), Job("sleeper", command, (["timeit", "-n", "1", "-r", "1", "-s", SAY, SLEEP], Path(LOG), "awake"), ("quick",))])
""".replace("SAY", '"print(\'awake\', flush=True)"').replace("SLEEP", '"import time; time.sleep(3600)"')


def test_one_that_fails_is_named_and_the_others_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A night of training must not be lost for one bad configuration, and its message must not be either."""
    log = tmp_path / "log.txt"
    jobs = [Job("sum", operator.add, (1, 2)), Job("bad", math.sqrt, (-1,)), Job("needs bad", operator.add, (1, 2), ("bad",)),
            Job("needs sum", operator.mul, (3, 4), ("sum",)), Job("command", command, (["timeit", "-h"], log, "^Tool for")),
            Job("bad command", command, (["training.grid", "no_such", "seed=1"], log)), Job("folder", lambda: get_worker().local_directory)]
    found = run(jobs, workers=2, console=Console(width=200))
    assert found["sum"].value == 3 and found["needs sum"].value == 12 and not found["command"].error
    assert "math domain error" in found["bad"].error and found["needs bad"].error == "not started, because bad failed"
    assert found["bad command"].error.startswith("there is no recipe 'no_such'") and found["bad command"].error.endswith(f"({log})")
    out = capsys.readouterr().out
    assert "command: Tool for measuring" in out and "bad: failed: math domain error" in out and "(7 of 7)" in out
    assert not found["folder"].error
    scratch = next(folder for folder in Path(found["folder"].value).parents if folder.name.startswith("jobs-"))
    assert scratch.parent == cluster.ROOT / "build" and not scratch.exists()


def test_nothing_runs_on_after_control_c(repo_root: Path, tmp_path: Path) -> None:
    """A training that goes on unseen takes the machine's cores from whatever is started next."""
    script = tmp_path / "two_jobs.py"
    heard = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"    # a shell's background jobs ignore it
    script.write_text(heard + SCRIPT.replace("LOG", repr(str(tmp_path / "log.txt"))))
    process = subprocess.Popen([sys.executable, script], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(repo_root)}, start_new_session=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        for line in process.stdout:
            if line.startswith("sleeper: awake"):
                break
        started = psutil.Process(process.pid).children(recursive=True)
        assert any("timeit" in child.cmdline() for child in started)
        os.killpg(process.pid, signal.SIGINT)                   # as a terminal does: to all of them
        process.communicate(timeout=240)                        # seconds on an idle machine
        assert process.returncode
        assert psutil.wait_procs(started, timeout=20)[1] == []
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def test_names_are_single() -> None:
    """Results go by name."""
    with pytest.raises(ClusterError, match="two jobs have one name: a"):
        run([Job("a", operator.add, (1, 2)), Job("a", operator.add, (1, 2))])
    assert run([]) == {}


def test_a_scheduler_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistyped address must not hang."""
    monkeypatch.setattr(cluster, "CONNECT_S", 0.5)
    with pytest.raises(ClusterError, match="no scheduler answers at tcp://127.0.0.1:9"):
        run([Job("a", operator.add, (1, 2))], "tcp://127.0.0.1:9")


def test_a_worker_of_other_sources_is_told_apart(tmp_path: Path) -> None:
    """Runs of two versions of the code in one table look alike and are not."""
    mine = cluster.fingerprint()
    assert cluster._differences(mine, "tests") == ""
    assert cluster._differences(mine | {"sources": "0123"}, "tests") == f"sources {mine['sources']} in place of 0123"
    assert "is not the folder that the jobs come from" in cluster._differences(mine, "build/no-such-folder")
