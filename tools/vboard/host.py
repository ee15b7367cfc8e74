"""The board's serial port on this computer: a pseudo-terminal in raw mode, and a TCP port."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import socket
import tty

CHUNK = 4096


class Pty:
    """A pseudo-terminal; `name` is what mpremote connects to. It stays open when a client leaves."""

    def __init__(self) -> None:
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.name = os.ttyname(self._slave)

    def fileno(self) -> int:
        return self._master

    def read(self) -> bytes:
        with contextlib.suppress(BlockingIOError):
            return os.read(self._master, CHUNK)
        return b""

    def write(self, data: bytes) -> None:
        # Nobody reads: what does not fit is lost, as on a wire. A client that does read gets the time to.
        while data:
            if not select.select([], [self._master], [], 0.2)[1]:
                return
            with contextlib.suppress(BlockingIOError):
                data = data[os.write(self._master, data) :]

    def close(self) -> None:
        os.close(self._master)
        os.close(self._slave)


class Tcp:
    """One client at a time on a local TCP port, for `mpremote connect socket://localhost:PORT`."""

    def __init__(self, port: int) -> None:
        self._server = socket.create_server(("127.0.0.1", port))
        self._server.setblocking(False)
        self.name = f"socket://127.0.0.1:{self._server.getsockname()[1]}"
        self._client: socket.socket | None = None

    def fileno(self) -> int:
        return (self._client or self._server).fileno()

    def read(self) -> bytes:
        if self._client is None:
            with contextlib.suppress(BlockingIOError):
                self._client, _ = self._server.accept()
            return b""
        try:
            data = self._client.recv(CHUNK)
        except ConnectionError:
            data = b""
        if not data:
            self._client.close()
            self._client = None
        return data

    def write(self, data: bytes) -> None:
        if self._client is not None:
            with contextlib.suppress(OSError):
                self._client.sendall(data)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
        self._server.close()
