"""The proxy before the store: it stops what it is told to, exactly there, and passes everything else on unchanged."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from tests.chaos.faults.holds import Moment, NothingHeld
from tests.chaos.faults.store_proxy import StoreProxy

UPSERT = "/api/v2/tenants/t/databases/d/collections/7/upsert"
QUERY = "/api/v2/tenants/t/databases/d/collections/7/query"
SOON = 5.0


class Store(ThreadingHTTPServer):
    """Answers with what it was sent, and remembers the sizes."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.applied: list[tuple[str, int]] = []
        self.changed = threading.Condition()

    def wait_until_applied(self, count: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.applied) >= count, timeout=SOON)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Store

    def do_POST(self) -> None:
        body = self._body()
        with self.server.changed:
            self.server.applied.append((self.path, len(body)))
            self.server.changed.notify_all()
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))

    def _body(self) -> bytes:
        if "Content-Length" in self.headers:
            return self.rfile.read(int(self.headers["Content-Length"]))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test output free of access lines."""


@pytest.fixture
def store() -> Iterator[Store]:
    server = Store()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def proxy(store: Store) -> Iterator[StoreProxy]:
    with StoreProxy(f"http://127.0.0.1:{store.server_port}") as running:
        yield running


class Client(threading.Thread):
    """Sends one upsert and keeps the answer, or the error."""

    def __init__(self, proxy: StoreProxy, body: bytes = b"x", *, timeout: float = SOON) -> None:
        super().__init__(daemon=True)
        self._send = lambda: httpx.post(proxy.url + UPSERT, content=body, timeout=timeout)
        self.answer: httpx.Response | None = None
        self.error: httpx.HTTPError | None = None
        self.start()

    def run(self) -> None:
        try:
            self.answer = self._send()
        except httpx.HTTPError as error:
            self.error = error


def test_bodies_of_any_size_and_form_pass_unchanged_over_one_connection(store: Store, proxy: StoreProxy) -> None:
    large = os.urandom(1 << 20) * 40
    with httpx.Client(base_url=proxy.url, timeout=30) as client:
        assert client.post(UPSERT, content=large).content == large
        assert client.post(UPSERT, content=iter([b"one", b"two"])).content == b"onetwo"
        assert client.post(QUERY, content=b"").content == b""
    assert store.applied == [(UPSERT, len(large)), (UPSERT, 6), (QUERY, 0)]
    assert proxy.received == proxy.answered == {"upsert": 2, "query": 1}
    assert proxy.open_requests() == []


def test_a_request_held_before_is_unknown_to_the_server_until_it_is_released(store: Store, proxy: StoreProxy) -> None:
    with proxy.hold("upsert", Moment.BEFORE) as hold:
        client = Client(proxy)
        held = hold.wait(SOON)
        assert httpx.post(proxy.url + QUERY, content=b"q").content == b"q"
        assert store.applied == [(QUERY, 1)]
        assert proxy.open_requests() == [held]
        held.release()
        client.join(SOON)
    assert client.answer and client.answer.content == b"x"


def test_a_request_held_when_forwarded_is_applied_while_its_client_waits(store: Store, proxy: StoreProxy) -> None:
    with proxy.hold("upsert", Moment.FORWARDED) as hold:
        client = Client(proxy)
        held = hold.wait(SOON)
        store.wait_until_applied(1)
        assert client.answer is None and held.client_pid == os.getpid()
        held.drop()
        client.join(SOON)
    assert isinstance(client.error, httpx.TransportError)


def test_a_swallowed_answer_never_arrives_although_the_request_was_applied(store: Store, proxy: StoreProxy) -> None:
    lost = proxy.swallow("upsert", times=1)
    client = Client(proxy, timeout=0.3)
    client.join(SOON)
    assert isinstance(client.error, httpx.ReadTimeout)
    assert store.applied == [(UPSERT, 1)] and len(lost.caught) == 1
    assert httpx.post(proxy.url + UPSERT, content=b"again").content == b"again"


def test_a_dropped_request_is_never_applied(store: Store, proxy: StoreProxy) -> None:
    proxy.drop("upsert", Moment.BEFORE)
    client = Client(proxy)
    client.join(SOON)
    assert isinstance(client.error, httpx.TransportError) and store.applied == []


def test_what_a_killed_client_had_sent_is_applied_late(store: Store, proxy: StoreProxy) -> None:
    with proxy.hold("upsert", Moment.BEFORE) as hold:
        script = f"import httpx; httpx.post({proxy.url + UPSERT!r}, content=b'late', timeout=60)"
        client = subprocess.Popen([sys.executable, "-c", script])
        held = hold.wait(30)
        assert held.client_pid == client.pid
        client.send_signal(signal.SIGKILL)
        client.wait()
        assert held.client_pid is None and store.applied == []
        held.release()
        store.wait_until_applied(1)
    assert httpx.post(proxy.url + QUERY, content=b"q").content == b"q"


def test_only_what_matches_is_held_and_only_as_often_as_asked(store: Store, proxy: StoreProxy) -> None:
    with proxy.hold("upsert", Moment.BEFORE, matches=lambda passing: b"this" in passing.body) as hold:
        assert httpx.post(proxy.url + UPSERT, content=b"that").content == b"that"
        first, held = Client(proxy, b"this"), hold.wait(SOON)
        assert httpx.post(proxy.url + UPSERT, content=b"this too").content == b"this too"
        with pytest.raises(NothingHeld):
            hold.wait(0.01)
        held.release()
        first.join(SOON)


def test_many_clients_at_once_are_served(store: Store, proxy: StoreProxy) -> None:
    clients = [Client(proxy, b"%d" % number, timeout=30) for number in range(100)]
    for client in clients:
        client.join(30)
    assert sorted(client.answer.content for client in clients if client.answer) == sorted(
        b"%d" % number for number in range(100)
    )


def test_a_server_that_refuses_accepts_again_on_the_same_port(store: Store, proxy: StoreProxy) -> None:
    with httpx.Client(base_url=proxy.url) as client:
        client.post(UPSERT, content=b"1")
        proxy.refuse()
        with pytest.raises(httpx.ConnectError):
            httpx.post(proxy.url + UPSERT, content=b"2")
        proxy.accept()
        assert httpx.post(proxy.url + UPSERT, content=b"3").content == b"3"


def test_without_its_server_the_client_is_cut_off_and_the_proxy_lives_on(store: Store) -> None:
    with StoreProxy("http://127.0.0.1:9") as proxy:
        for _ in range(2):
            with pytest.raises(httpx.RemoteProtocolError):
                httpx.post(proxy.url + UPSERT, content=b"1")
