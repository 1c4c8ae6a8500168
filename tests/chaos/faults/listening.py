"""A port of the loopback interface on which a proxy serves each connection in a thread of its own."""

import contextlib
import socket
import struct
import threading
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

_BACKLOG = 256


class Listening(ABC):
    """Accepts connections until it is closed; can refuse all for a while without giving up its port."""

    def __init__(self, port: int = 0) -> None:
        self._socket = _bound(port)
        self.port = int(self._socket.getsockname()[1])
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._is_closed = False
        self._listen()

    @abstractmethod
    def serve(self, client: socket.socket) -> None:
        """Serve one connection to its end, in a thread of its own."""

    def refuse(self) -> None:
        """Cut all connections and refuse new ones, as if the server were not running, until `accept()`."""
        _end(self._socket)
        self._thread.join()
        # Bound and not listening: the port stays ours, and whoever connects is refused.
        self._socket = _bound(self.port)
        self.cut()

    def accept(self) -> None:
        """Take connections again after `refuse()`."""
        self._listen()

    def cut(self) -> int:
        """Reset all connections that are open now; return how many clients had one."""
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            reset(connection)
        return len(connections)

    def close(self) -> None:
        """Stop for good."""
        self._is_closed = True
        _end(self._socket)
        self._thread.join()
        self.cut()

    def _listen(self) -> None:
        self._socket.listen(_BACKLOG)
        self._thread = threading.Thread(target=self._accept, args=(self._socket,), daemon=True)
        self._thread.start()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open.add(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            self.serve(client)
        finally:
            with self._lock:
                self._open.discard(client)
            client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def reset(connection: socket.socket) -> None:
    """End a connection at once, also for whoever is reading from it in another thread."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)


def _bound(port: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    return listening


def _end(listening: socket.socket) -> None:
    with contextlib.suppress(OSError):
        listening.shutdown(socket.SHUT_RDWR)
    listening.close()
