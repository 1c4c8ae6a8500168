"""A proxy before Redis that recognises the bell and can stop it, so that whoever rings can be killed before he does.

    with BrokerProxy(redis_url) as proxy:          # the site gets REDIS_URL=proxy.url
        hold = proxy.hold("bell", by=pids_of_web)
        ... a document is saved over the web ...
        os.kill(hold.wait().client_pid, SIGKILL)   # its transaction is committed, nobody was told

A bell is two commands of one process: `SET vectorsite:bell:<task>:<id> … NX`, kind "bell", and, if that key was not
set yet, the LPUSH of the message to the queue, kind "message". The worker that hears it sends `DEL` of the key, kind
"heard". All else, of kind "other", is passed on.
"""

import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Callable, Container, Iterator
from urllib.parse import urlsplit, urlunsplit

from tests.chaos.faults.holds import Hold, Holds, Moment, Passing, Verdict
from tests.chaos.faults.listening import Listening, reset

QUEUE = b"sync"
BELL = b"vectorsite:bell:"
_READ = 1 << 16

By = Container[int] | Callable[[], Container[int]] | None


class BrokerProxy(Listening):
    """Passes RESP on to the server of `redis_url`. `received` counts commands by kind as they come.

    `refuse()` and `accept()` make the broker unreachable for a while; `cut()` resets every connection once.
    """

    def __init__(self, redis_url: str, *, port: int = 0) -> None:
        self._address = urlsplit(redis_url)
        self._target = (self._address.hostname or "127.0.0.1", self._address.port or 6379)
        self._holds = Holds()
        self._counting = threading.Lock()
        self.received: Counter[str] = Counter()
        super().__init__(port)

    @property
    def url(self) -> str:
        """The server's own URL, with its password and database, leading through this proxy."""
        credentials, at, _ = self._address.netloc.rpartition("@")
        return urlunsplit(self._address._replace(netloc=f"{credentials}{at}127.0.0.1:{self.port}"))

    def hold(self, kind: str, *, times: int | None = 1, by: By = None) -> Hold:
        """Stop the next `times` commands of `kind` before the server hears of them, those sent `by` these pids alone.

        `by` may be a function, for pids that change. Releasing sends the command on; dropping cuts the connection.
        """
        return self._holds.arm(Hold(kind, Moment.BEFORE, times=times, matches=_sent_by(by), verdict=None))

    def drop(self, kind: str, *, times: int | None = 1, by: By = None) -> Hold:
        """Cut the connection of the next `times` commands of `kind` in place of passing them on: the bell is lost."""
        return self._holds.arm(Hold(kind, Moment.BEFORE, times=times, matches=_sent_by(by), verdict=Verdict.DROP))

    def close(self) -> None:
        self._holds.close()
        super().close()

    def serve(self, client: socket.socket) -> None:
        try:
            client_port = int(client.getpeername()[1])
            server = socket.create_connection(self._target, timeout=5)
        except OSError:
            return
        server.settimeout(None)
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answers = threading.Thread(target=_pass_on, args=(server, client), daemon=True)
        answers.start()
        try:
            for raw, command in _commands(client):
                if self._holds.meet(self._came(raw, command, client_port), Moment.BEFORE) is not Verdict.RELEASE:
                    return
                server.sendall(raw)
        except OSError:
            return
        finally:
            reset(client)
            reset(server)
            answers.join()
            server.close()

    def _came(self, raw: bytes, command: list[bytes], client_port: int) -> Passing:
        passing = Passing(
            kind_of(command),
            subject=b" ".join(command[:2]).decode(errors="replace"),
            body=raw,
            client_port=client_port,
            proxy_port=self.port,
        )
        with self._counting:
            self.received[passing.kind] += 1
        return passing


def kind_of(command: list[bytes]) -> str:
    """Return what a command is: bell, message, heard or other."""
    match [command[0].upper(), *command[1:]]:
        case [b"SET", key, *rest] if key.startswith(BELL) and b"NX" in rest:
            return "bell"
        case [b"DEL", key] if key.startswith(BELL):
            return "heard"
        case [b"LPUSH", key, _] if key == QUEUE:
            return "message"
        case _:
            return "other"


def _sent_by(by: By) -> Callable[[Passing], bool] | None:
    if by is None:
        return None
    return lambda passing: passing.client_pid in (by() if callable(by) else by)


def _commands(client: socket.socket) -> Iterator[tuple[bytes, list[bytes]]]:
    """Yield each command as it was sent, and as its words. Inline commands, which no library sends, are not read."""
    buffer = bytearray()
    while True:
        parsed = _parse(buffer)
        if parsed is not None:
            size, command = parsed
            raw = bytes(buffer[:size])
            del buffer[:size]
            yield raw, command
            continue
        received = client.recv(_READ)
        if not received:
            return
        buffer += received


def _parse(buffer: bytearray) -> tuple[int, list[bytes]] | None:
    """Return length and words of the command at the beginning of `buffer`, None while it is not whole."""
    words: list[bytes] = []
    line_end = buffer.find(b"\r\n")
    if line_end < 0:
        return None
    place = line_end + 2
    for _ in range(int(buffer[1:line_end])):
        line_end = buffer.find(b"\r\n", place)
        if line_end < 0:
            return None
        start = line_end + 2
        place = start + int(buffer[place + 1 : line_end]) + 2
        if place > len(buffer):
            return None
        words.append(bytes(buffer[start : place - 2]))
    return place, words


def _pass_on(server: socket.socket, client: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while received := server.recv(_READ):
            client.sendall(received)
    reset(client)
