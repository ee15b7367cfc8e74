"""The two programs of the demonstration: the virtual board, and mpremote on its serial port."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PTY = re.compile(r"/dev/\S+")


class SessionError(RuntimeError):
    """One of the programs failed; the message has the end of what it said."""


def ends_with_parent(command: list[str]) -> list[str]:
    """The command, which gets a SIGTERM when the process that starts it is gone, even one that was killed and could not clean up."""
    setpriv = shutil.which("setpriv")  # of util-linux, which every Debian has
    return [setpriv, "--pdeathsig", "TERM", *command] if setpriv else command


class VirtualBoard:
    """`python -m tools.vboard` as a process; `port` is its serial port."""

    def __init__(self, arguments: list[str], start_s: float = 60.0):
        self._said: list[str] = []
        self._found = threading.Event()
        self.port = ""
        command = [sys.executable, "-u", "-m", "tools.vboard", *arguments]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        # A session of its own: Ctrl-C is for the demonstration, which then ends the board itself.
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            ends_with_parent(command), cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, start_new_session=True
        )
        self.sound = self._process.stdin
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._found.wait(start_s)
        if not self.port:
            self.stop()
            raise SessionError("the virtual board did not start:\n" + self.output)

    def _read(self) -> None:
        for data in self._process.stdout:
            line = data.decode(errors="replace")
            self._said.append(line)
            if not self.port and (match := PTY.search(line)):
                self.port = match[0]
                self._found.set()
        self._found.set()

    @property
    def output(self) -> str:
        return "".join(self._said)

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> str:
        """End it; everything that it printed."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            if self.running:
                self._process.send_signal(number)
                try:
                    self._process.wait(5)
                except subprocess.TimeoutExpired:
                    continue
        self._reader.join(5)
        return self.output


class Mpremote:
    """One mpremote command on a port; `lines` yields what it prints as it comes."""

    def __init__(self, port: str, *arguments: str):
        self.command = [sys.executable, "-m", "mpremote", "connect", port, *arguments]
        self._process = subprocess.Popen(
            ends_with_parent(self.command),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def lines(self) -> Iterator[str]:
        for line in self._process.stdout:
            yield line.decode(errors="replace").rstrip("\r\n")

    def stop(self) -> int:
        """End it; what runs on the board goes on. Its exit status."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return self._process.wait(10)


def ask(port: str, code: str) -> str:
    """What `code` prints on the board, without disturbing what runs there in the background."""
    done = subprocess.run(
        [sys.executable, "-m", "mpremote", "connect", port, "resume", "exec", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode:
        raise SessionError(f"mpremote exec failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def fetch_stats(port: str) -> dict:
    """The app's statistics."""
    return json.loads(ask(port, "import json; print(json.dumps(app.stats()))"))
