"""A proxy before a Chroma server that stops requests at an exact moment, and decides what becomes of them.

    with StoreProxy(chroma.url) as proxy:          # the site gets CHROMA_URL=proxy.url
        hold = proxy.hold("upsert", Moment.FORWARDED)
        ... something is saved ...
        upsert = hold.wait()                       # a worker waits for Chroma's answer now
        os.kill(upsert.client_pid, SIGKILL)
        upsert.release()

A request that was forwarded is applied by Chroma whatever becomes of its client, as on a real network.
"""

import contextlib
import select
import socket
import threading
from collections import Counter
from urllib.parse import urlsplit

from tests.chaos.faults.holds import Hold, Holds, Matches, Moment, Passing, Verdict
from tests.chaos.faults.http_messages import ConnectionEnded, Message, MessageReader
from tests.chaos.faults.listening import Listening, reset

_OF_RECORDS = {"add", "count", "delete", "get", "query", "update", "upsert"}
_OF_COLLECTIONS = {("POST", 0): "create", ("GET", 0): "list", ("GET", 1): "lookup", ("DELETE", 1): "drop"}


def kind_of(first_line: str) -> str:
    """Return what a request is.

    That is upsert, delete, query, get, count, add or update (of records), create, drop, lookup or list (of
    collections), or other.
    """
    method, path, *_ = first_line.split(" ")
    _, is_about_collections, rest = path.partition("?")[0].partition("/collections")
    after = rest.strip("/").split("/") if rest else []
    if is_about_collections and len(after) == 2 and after[1] in _OF_RECORDS:
        return after[1]
    return _OF_COLLECTIONS.get((method, len(after)), "other") if is_about_collections else "other"


class StoreProxy(Listening):
    """Passes HTTP/1.1 on to `target`, stopping what it is told to. Threads: it may be told from any.

    `received` counts requests by kind as they come, `answered` those that the server answered.
    """

    def __init__(self, target: str, *, port: int = 0) -> None:
        address = urlsplit(target)
        self._target = (address.hostname or "127.0.0.1", address.port or 80)
        self._holds = Holds()
        self._counting = threading.Lock()
        self._passing: set[Passing] = set()
        self.received: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        super().__init__(port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def hold(self, kind: str, moment: Moment, *, times: int | None = 1, matches: Matches | None = None) -> Hold:
        """Stop the next `times` requests of `kind` (None: every one) at `moment`, each until it is decided."""
        return self._holds.arm(Hold(kind, moment, times=times, matches=matches, verdict=None))

    def swallow(self, kind: str, *, times: int | None = 1, matches: Matches | None = None) -> Hold:
        """Have the next `times` requests of `kind` applied and their answers lost, without stopping to ask."""
        return self._holds.arm(Hold(kind, Moment.ANSWERED, times=times, matches=matches, verdict=Verdict.SWALLOW))

    def drop(self, kind: str, moment: Moment, *, times: int | None = 1, matches: Matches | None = None) -> Hold:
        """Cut the connection of the next `times` requests of `kind` at `moment`, without stopping to ask."""
        return self._holds.arm(Hold(kind, moment, times=times, matches=matches, verdict=Verdict.DROP))

    def open_requests(self) -> list[Passing]:
        """Return the requests that came in and whose answer does not go out to their client yet, oldest first."""
        with self._counting:
            return sorted(self._passing, key=lambda passing: passing.since)

    def close(self) -> None:
        self._holds.close()
        super().close()

    def serve(self, client: socket.socket) -> None:
        reader = MessageReader(client)
        server: _Server | None = None
        try:
            client_port = int(client.getpeername()[1])
            while True:
                if not reader.has_buffered and _is_over(client, server):
                    return
                request = reader.request()
                passing = self._came(request, client_port)
                try:
                    server = server or _Server(self._target)
                    if not self._pass(passing, request, client, server):
                        return
                finally:
                    self._left(passing)
        except (ConnectionEnded, OSError):
            return
        finally:
            if server:
                server.connection.close()

    def _pass(self, passing: Passing, request: Message, client: socket.socket, server: "_Server") -> bool:
        """Bring one request to the server and its answer back; False when the connection is to end."""
        verdict = self._holds.meet(passing, Moment.BEFORE)
        if verdict is Verdict.DROP:
            reset(client)
            return False
        server.connection.sendall(request.raw)
        if verdict is Verdict.RELEASE:
            verdict = self._holds.meet(passing, Moment.FORWARDED)
        if verdict is Verdict.DROP:
            reset(client)
        # The answer is waited for even if nobody will hear it: it says that the request was applied.
        answer = server.reader.answer(to=request.first)
        with self._counting:
            self.answered[passing.kind] += 1
        if verdict is Verdict.RELEASE:
            verdict = self._holds.meet(passing, Moment.ANSWERED)
        match verdict:
            case Verdict.RELEASE:
                self._left(passing)  # before the client can ask whether anything is open
                client.sendall(answer.raw)
                return not (answer.closes or request.closes)
            case Verdict.SWALLOW:
                _wait_for_end(client)
            case Verdict.DROP:
                reset(client)
        return False

    def _came(self, request: Message, client_port: int) -> Passing:
        passing = Passing(
            kind_of(request.first),
            subject=request.first,
            body=request.body,
            client_port=client_port,
            proxy_port=self.port,
        )
        with self._counting:
            self.received[passing.kind] += 1
            self._passing.add(passing)
        return passing

    def _left(self, passing: Passing) -> None:
        with self._counting:
            self._passing.discard(passing)


class _Server:
    """The connection to the server that belongs to one client's connection."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.connection = socket.create_connection(target, timeout=5)
        self.connection.settimeout(None)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = MessageReader(self.connection)


def _is_over(client: socket.socket, server: _Server | None) -> bool:
    """Wait for the client's next request; True when the server closes first, so that the client learns of it."""
    poll = select.poll()
    poll.register(client, select.POLLIN)
    if server:
        poll.register(server.connection, select.POLLIN)
    return client.fileno() not in {descriptor for descriptor, _ in poll.poll()}


def _wait_for_end(client: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while client.recv(65536):
            pass
