"""Jobs side by side through dask.distributed: processes of this machine, or many machines with `--scheduler ADDRESS`.

A job is a function of a module that can be imported, or a command of its own (`command`). One that fails is reported by
name, what needed it is not started, and the others go on. No port is opened to other machines unless a scheduler is named.
"""
from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dask
from distributed import Client, Event, LocalCluster, as_completed, get_worker
from distributed.scheduler import KilledWorker
from rich.console import Console

from tools.demo.session import ends_with_parent
from training.files import digest_of

ROOT = Path(__file__).resolve().parents[1]
TOPIC = "hark"
SOURCES = ("training/**/*.py", "tools/**/*.py", "usermod_kws/**/*.[ch]", "py_app/*.py", "requirements/test.txt")
PACKAGES = ("numpy", "scipy", "soundfile", "keras", "tensorflow")
HOW_TO_JOIN = ("a worker is started in this project's folder, which all machines must share, with the environment of "
               "requirements/test.txt: PYTHONPATH=. dask worker ADDRESS --nthreads 1 --no-dashboard")
STOP_POLL_S, CONNECT_S = 1.0, 10


class ClusterError(ValueError):
    """No jobs can be run: the message says what is missing."""


@dataclass(frozen=True)
class Job:
    """function(*arguments) in a worker process, after the jobs named in `after` have ended well."""
    name: str
    function: Callable[..., Any]
    arguments: tuple = ()
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """What a job returned, or why there is nothing."""
    value: Any = None
    error: str | None = None


@cache
def fingerprint() -> dict[str, str]:
    """What must be the same on all machines: the sources, Python and the packages that compute."""
    return {"sources": digest_of(ROOT, SOURCES).hexdigest()[:12], "Python": sys.version.split()[0]} | {name: version(name) for name in PACKAGES}


def _differences(wanted: dict[str, str], mark: str) -> str:
    """What is wrong with this process as a worker, empty when nothing is. wanted: of a fingerprint; mark: a folder that the client has made."""
    wrong = [f"{what} {fingerprint().get(what)} in place of {value}" for what, value in wanted.items() if fingerprint().get(what) != value]
    if not (ROOT / mark).exists():
        wrong.append(f"{ROOT} is not the folder that the jobs come from")
    return ", ".join(wrong)


def _start(job: Job, wanted: dict[str, str], mark: str, *_before: Any) -> Any:
    if wrong := _differences(wanted, mark):                     # of a worker that came later
        raise ClusterError(f"worker {get_worker().address}: {wrong}")
    os.chdir(ROOT)
    return job.function(*job.arguments)


def say(text: str) -> None:
    """A line about how the job goes, to where the jobs were started."""
    try:
        worker = get_worker()
    except ValueError:                                          # not a job
        print(text, flush=True)
    else:
        worker.log_event(TOPIC, {"key": str(worker.get_current_task()), "text": text})


def command(arguments: Sequence[str], log: Path, shown: str = "^$") -> None:
    """`python -m ARGUMENTS` as a process that ends with this one; its output is added to `log`, lines that match `shown` are said.

    RuntimeError with its last words when it fails.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(ends_with_parent([sys.executable, "-m", *arguments]), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace", env=os.environ | {"PYTHONPATH": str(ROOT)})
    ended = threading.Event()
    threading.Thread(target=_stop_when_told, args=(process, ended), daemon=True).start()
    last = ""
    try:
        with log.open("a") as file:
            print(f"$ python -m {' '.join(arguments)}", file=file, flush=True)
            for line in process.stdout:
                print(line, end="", file=file, flush=True)
                last = line.strip() or last
                if re.search(shown, line):
                    say(line.strip())
    finally:
        process.stdout.close()
        status = process.wait()
        ended.set()
    if status:
        raise RuntimeError(f"{last.removeprefix('error: ') or f'exit status {status}'} ({log})")


def _stop_when_told(process: subprocess.Popen, ended: threading.Event) -> None:
    try:
        stop = Event(f"{str(get_worker().get_current_task()).partition('/')[0]}/stop")
    except ValueError:
        return
    while not ended.wait(STOP_POLL_S):
        with suppress(Exception):                               # the scheduler may have gone
            if stop.is_set():
                process.terminate()
                return


@contextmanager
def _ignoring_interrupts() -> Iterator[None]:
    """Processes that are started here leave Ctrl-C to their parent, which then ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _local(jobs: int, workers: int, scratch: Path) -> Iterator[Client]:
    """A cluster of processes of this machine; each computes with its share of the cores."""
    cores = len(os.sched_getaffinity(0))
    count = workers or max(1, min(jobs, cores))
    threads = str(max(1, cores // count))
    environment = {"TF_NUM_INTRAOP_THREADS": threads, "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads,
                   "TF_FORCE_GPU_ALLOW_GROWTH": "true", "PYTHONPATH": str(ROOT)}
    with _ignoring_interrupts():
        cluster = LocalCluster(n_workers=count, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, worker_dashboard_address=None,
                               memory_limit=0, local_directory=scratch, env=environment, silence_logs="CRITICAL")
    with cluster, Client(cluster) as client:
        yield client


@contextmanager
def _remote(address: str, mark: str) -> Iterator[Client]:
    """Somebody else's scheduler, whose workers are all looked at first."""
    try:
        client = Client(address, timeout=CONNECT_S)
    except (OSError, ValueError) as exc:
        raise ClusterError(f"no scheduler answers at {address}: {exc}") from exc
    with client:
        try:
            wrong = {worker: text for worker, text in client.run(_differences, fingerprint(), mark).items() if text}
        except Exception as exc:                                # what a worker says that lacks a module comes as a bare Exception
            raise ClusterError(f"a worker of {address} cannot load the code ({exc}); {HOW_TO_JOIN}") from exc
        if not client.scheduler_info()["workers"]:
            raise ClusterError(f"the scheduler at {address} has no workers; {HOW_TO_JOIN}")
        if wrong:
            raise ClusterError("\n".join(f"worker {worker}: {text}" for worker, text in wrong.items()) + f"\n{HOW_TO_JOIN}")
        yield client


def run(jobs: Sequence[Job], scheduler: str | None = None, workers: int = 0, console: Console | None = None) -> dict[str, Result]:
    """All jobs, each after those that it needs; the results by name. `jobs` is sorted: a job comes after what it needs.

    scheduler: its address, None for processes of this machine, `workers` of them (0: one a core, or fewer for fewer jobs).
    Raises ClusterError before anything is started, KeyboardInterrupt after everything has ended.
    """
    console = console or Console()
    names = [job.name for job in jobs]
    if len(set(names)) != len(names):
        raise ClusterError(f"two jobs have one name: {', '.join(sorted({n for n in names if names.count(n) > 1}))}")
    if not jobs:
        return {}
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="jobs-", dir=ROOT / "build") as scratch, dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        mark = str(Path(scratch).relative_to(ROOT))
        with _remote(scheduler, mark) if scheduler else _local(len(jobs), workers, Path(scratch)) as client:
            return _collect(client, jobs, fingerprint() if scheduler else {}, mark, console)


def _collect(client: Client, jobs: Sequence[Job], wanted: dict[str, str], mark: str, console: Console) -> dict[str, Result]:
    run_id = uuid.uuid4().hex
    stop = Event(f"{run_id}/stop", client=client)
    futures: dict[str, Any] = {}
    for job in jobs:
        futures[job.name] = client.submit(_start, job, wanted, mark, *(futures[name] for name in job.after), key=f"{run_id}/{job.name}", retries=0)
    names, results = {future.key: name for name, future in futures.items()}, {}

    def show(event: tuple[float, dict]) -> None:
        if event[1]["key"] in names:
            console.print(f"{names[event[1]['key']]}: {event[1]['text']}", markup=False, highlight=False, soft_wrap=True)

    client.subscribe_topic(TOPIC, show)
    after = {job.name: job.after for job in jobs}
    try:
        for future in as_completed(futures.values()):
            name = names[future.key]
            results[name] = _result(future, [other for other in after[name] if futures[other].status == "error"])
            text = f"failed: {results[name].error}" if results[name].error else "done"
            console.print(f"{name}: {text} ({len(results)} of {len(jobs)})", markup=False, highlight=False, soft_wrap=True)
    except BaseException:
        stop.set()
        client.cancel(list(futures.values()), force=True)
        raise
    return {job.name: results[job.name] for job in jobs}


def _result(future: Any, failed: list[str]) -> Result:
    if failed:
        return Result(error=f"not started, because {', '.join(failed)} failed")
    if future.status != "error":
        return Result(future.result())
    exc = future.exception()
    if isinstance(exc, KilledWorker):
        return Result(error="its process was killed; the kernel does that when memory runs out")
    return Result(error=str(exc) if isinstance(exc, (ValueError, OSError, RuntimeError)) else f"{type(exc).__name__}: {exc}")
