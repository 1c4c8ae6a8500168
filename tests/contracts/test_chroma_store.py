"""How the Chroma adapter meets what goes wrong: servers that die, collections that break, others at work."""

import http.server
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import chromadb
import pytest

from collections_app.exceptions import (
    ConfigurationError,
    RecordRefused,
    VectorStoreCollectionBroken,
    VectorStoreCollectionMissing,
    VectorStoreError,
    VectorStoreUnavailable,
    VectorStoreWentDown,
)
from collections_app.vectorstores import StoredCollection, VectorStore
from collections_app.vectorstores.chroma import ChromaVectorStore
from tests.chroma_server import ChromaServer
from tests.contracts.stored_vectors import DIMENSIONS, SITE, as_stored, contents, record, records, spec, vector

pytestmark = pytest.mark.chroma

Ask = Callable[[VectorStore, str], Any]

QUESTIONS: dict[str, Ask] = {
    "count": lambda store, name: store.count(name),
    "ids": lambda store, name: list(store.ids(name)),
    "query": lambda store, name: store.query(name, vector(1), limit=1),
    "fetch": lambda store, name: store.fetch(name, [1]),
    "upsert": lambda store, name: store.upsert(name, [record(1)]),
    "delete": lambda store, name: store.delete(name, [1]),
}
WITHOUT_COLLECTION: dict[str, Ask] = {
    "create": lambda store, name: store.create(spec(f"{name}-b")),
    "drop": lambda store, name: store.drop(name),
    "collections": lambda store, name: store.collections(),
    "health": lambda store, name: store.health(),
}
every_question = pytest.mark.parametrize("ask", [*QUESTIONS.values()], ids=[*QUESTIONS])
every_call = pytest.mark.parametrize(
    "ask", [*QUESTIONS.values(), *WITHOUT_COLLECTION.values()], ids=[*QUESTIONS, *WITHOUT_COLLECTION]
)


def client(server: ChromaServer, **options: Any) -> ChromaVectorStore:
    return ChromaVectorStore(url=server.url, **options)


# --- a server that does not serve ---------------------------------------------------------------------------------


@pytest.fixture
def silent_url() -> Iterator[str]:
    """An address where connections are accepted and never answered."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


class _SomeWebsite(http.server.BaseHTTPRequestHandler):
    status = 200

    def _answer(self) -> None:
        body = b"<html>Welcome to nginx!</html>"
        self.send_response(self.status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - names that http.server asks for

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture(params=[200, 302, 403, 404, 502])
def website_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """An address where something answers that is not Chroma."""
    handler = type("Website", (_SomeWebsite,), {"status": request.param})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@every_call
def test_a_server_that_is_not_there_is_unavailable(ask: Ask, name: str) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        store = ChromaVectorStore(url=f"http://127.0.0.1:{unused.getsockname()[1]}")

        with pytest.raises(VectorStoreUnavailable, match="Start it, or correct its address") as caught:
            ask(store, name)

    assert not caught.value.permanent


@every_call
def test_a_server_that_never_answers_is_unavailable_in_time(ask: Ask, name: str, silent_url: str) -> None:
    store = ChromaVectorStore(url=silent_url, timeout=0.2)
    started = time.monotonic()

    with pytest.raises(VectorStoreUnavailable, match=r"was silent for 0\.2 s") as silence:
        ask(store, name)

    assert time.monotonic() - started < 5
    assert isinstance(silence.value, VectorStoreWentDown)
    assert silence.value.is_silent


def test_who_is_in_a_hurry_waits_less_long_for_the_same_store(
    chroma_server: ChromaServer, name: str, silent_url: str
) -> None:
    store = client(chroma_server)
    store.create(spec(name))
    store.upsert(name, records(range(3)))
    assert contents(store.within(5.0), name) == contents(store, name)
    with pytest.raises(VectorStoreWentDown, match=r"was silent for 0\.2 s"):
        ChromaVectorStore(url=silent_url, timeout=30.0).within(0.2).count(name)
    assert store.within(1000.0) is store


def test_something_else_at_the_address_is_unavailable(name: str, website_url: str) -> None:
    store = ChromaVectorStore(url=website_url)

    for ask in (*QUESTIONS.values(), *WITHOUT_COLLECTION.values()):
        with pytest.raises(VectorStoreUnavailable, match="nginx"):
            ask(store, name)


def test_a_killed_server_is_unavailable_and_usable_again_when_it_is_back(
    private_chroma: ChromaServer, name: str
) -> None:
    store = client(private_chroma)
    store.create(spec(name))
    store.upsert(name, records(range(10)))
    before = contents(store, name)

    private_chroma.kill()
    for ask in (*QUESTIONS.values(), *WITHOUT_COLLECTION.values()):
        with pytest.raises(VectorStoreUnavailable):
            ask(store, name)
    private_chroma.start()

    store.health()
    assert contents(store, name) == {
        record_id: (pytest.approx(numbers, rel=1e-5), metadata) for record_id, (numbers, metadata) in before.items()
    }


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000", "ftp://example.com", "http://", "chroma"])
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(ConfigurationError, match="http://host:port"):
        ChromaVectorStore(url=url)


@pytest.mark.parametrize("timeout", [0, -1.0])
def test_a_store_without_time_is_refused(timeout: float) -> None:
    with pytest.raises(ConfigurationError, match="timeout"):
        ChromaVectorStore(url="http://127.0.0.1:8000", timeout=timeout)


# --- other clients ------------------------------------------------------------------------------------------------


@every_question
def test_a_collection_that_another_client_dropped_is_missing(ask: Ask, chroma_server: ChromaServer, name: str) -> None:
    store, other = client(chroma_server), client(chroma_server)
    store.create(spec(name))
    store.upsert(name, records(range(3)))

    other.drop(name)

    with pytest.raises(VectorStoreCollectionMissing, match="Rebuild the index"):
        ask(store, name)


def test_a_collection_that_another_client_made_anew_is_used_under_its_name(
    chroma_server: ChromaServer, name: str
) -> None:
    store, other = client(chroma_server), client(chroma_server)
    store.create(spec(name))
    store.upsert(name, [record(1, kind="old")])
    other.drop(name)
    other.create(spec(name))
    other.upsert(name, [record(2, kind="theirs")])

    store.upsert(name, [record(3, kind="ours")])

    assert {key: metadata for key, (_, metadata) in contents(store, name).items()} == {
        2: {"kind": "theirs"},
        3: {"kind": "ours"},
    }


def test_keys_that_another_client_wrote_are_replaced_too(chroma_server: ChromaServer, name: str) -> None:
    store, other = client(chroma_server), client(chroma_server)
    store.create(spec(name))
    other.upsert(name, [record(1, theirs="a", tags=["a"])])

    store.upsert(name, [record(1, ours="b")])

    assert contents(other, name) == {1: as_stored(vector(1), {"ours": "b"})}


def test_fetching_does_not_fail_over_what_another_client_deletes_meanwhile(
    chroma_server: ChromaServer, name: str
) -> None:
    store, other = client(chroma_server), client(chroma_server)
    store.create(spec(name))
    store.upsert(name, records(range(1000)))

    def delete() -> None:
        for start in range(0, 400, 5):
            other.delete(name, range(start, start + 5))

    deletions = threading.Thread(target=delete)
    deletions.start()
    fetched = []
    while deletions.is_alive():
        fetched.append({found.id for found in store.fetch(name, range(1000))})

    assert len(fetched) > 2
    assert all(ids >= set(range(400, 1000)) for ids in fetched)


def test_a_collection_of_unknown_origin_is_listed_without_a_site(chroma_server: ChromaServer, name: str) -> None:
    foreign = chromadb.HttpClient(host="127.0.0.1", port=chroma_server.port)
    foreign.create_collection(name, embedding_function=None)

    assert StoredCollection(name, None) in client(chroma_server).collections()


@pytest.mark.parametrize("foreign_id", ["abc", "-1", "01", "1.5", "１"])
def test_an_id_that_no_site_wrote_makes_the_collection_broken(
    chroma_server: ChromaServer, name: str, foreign_id: str
) -> None:
    store = client(chroma_server)
    store.create(spec(name))
    foreign = chromadb.HttpClient(host="127.0.0.1", port=chroma_server.port)
    foreign.get_collection(name, embedding_function=None).add(ids=[foreign_id], embeddings=[vector(1).tolist()])

    with pytest.raises(VectorStoreCollectionBroken, match=f"'{foreign_id}'"):
        list(store.ids(name))
    with pytest.raises(VectorStoreCollectionBroken, match=f"'{foreign_id}'"):
        store.query(name, vector(1), limit=1)


def test_a_database_that_does_not_exist_is_an_outage_and_no_lost_collection(
    chroma_server: ChromaServer, name: str
) -> None:
    client(chroma_server).create(spec(name))
    store = client(chroma_server, database="nowhere")

    for ask in (*QUESTIONS.values(), *(WITHOUT_COLLECTION[call] for call in ("create", "drop", "health"))):
        with pytest.raises(VectorStoreUnavailable, match="Create the database"):
            ask(store, name)


def test_databases_of_one_server_are_apart(chroma_server: ChromaServer, name: str) -> None:
    chromadb.AdminClient(
        chromadb.Settings(
            chroma_api_impl="chromadb.api.fastapi.FastAPI",
            chroma_server_host="127.0.0.1",
            chroma_server_http_port=chroma_server.port,
        )
    ).create_database(f"{name}-database")
    apart, usual = client(chroma_server, database=f"{name}-database"), client(chroma_server)

    apart.create(spec(name))
    apart.upsert(name, [record(1)])

    assert apart.collections() == [StoredCollection(name, SITE)]
    assert name not in [collection.name for collection in usual.collections()]
    with pytest.raises(VectorStoreCollectionMissing):
        usual.count(name)


def test_what_the_server_refuses_although_the_port_let_it_pass_is_refused_by_record(
    chroma_server: ChromaServer, name: str
) -> None:
    store = client(chroma_server)
    foreign = chromadb.HttpClient(host="127.0.0.1", port=chroma_server.port)
    foreign.create_collection(name, embedding_function=None).add(ids=["1"], embeddings=[1.0] * (DIMENSIONS + 1))

    with pytest.raises(RecordRefused, match=f"dimension of {DIMENSIONS + 1}, got {DIMENSIONS}"):
        store.upsert(name, [record(1)])


# --- broken collections -------------------------------------------------------------------------------------------


def _truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _overwritten(file: Path) -> None:
    file.write_bytes(b"\xff" * file.stat().st_size)


def _removed(file: Path) -> None:
    file.unlink()


def _segment_folder(server: ChromaServer, name: str) -> Path:
    """Where the server keeps the graph of a collection."""
    with sqlite3.connect(server.folder / "chroma.sqlite3") as database:
        (segment,) = database.execute(
            "SELECT segments.id FROM segments JOIN collections ON segments.collection = collections.id "
            "WHERE collections.name = ? AND segments.scope = 'VECTOR'",
            [name],
        ).fetchone()
    database.close()
    return server.folder / str(segment)


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("index_metadata.pickle", _truncated),  # what a kill in the middle of a save leaves
        pytest.param("index_metadata.pickle", _overwritten, marks=pytest.mark.slow),
        pytest.param("header.bin", _overwritten, marks=pytest.mark.slow),
        pytest.param("header.bin", _removed, marks=pytest.mark.slow),
        pytest.param("data_level0.bin", _removed, marks=pytest.mark.slow),
        pytest.param("link_lists.bin", _removed, marks=pytest.mark.slow),
        pytest.param("length.bin", _removed, marks=pytest.mark.slow),
    ],
)
def test_a_damaged_collection_is_broken_can_be_dropped_and_leaves_the_others_alone(
    private_chroma: ChromaServer, name: str, file: str, damage: Callable[[Path], None]
) -> None:
    store = client(private_chroma)
    for collection in (name, f"{name}-other"):
        store.create(spec(collection, sync_threshold=2))
        store.upsert(collection, records(range(20)))
    private_chroma.stop()
    damage(_segment_folder(private_chroma, name) / file)
    private_chroma.start()

    for ask in QUESTIONS.values():
        with pytest.raises(VectorStoreCollectionBroken, match="drop and rebuild it") as caught:
            ask(store, name)
        assert not caught.value.permanent
    store.health()
    assert store.count(f"{name}-other") == 20
    assert StoredCollection(name, SITE) in store.collections()
    store.drop(name)
    store.create(spec(name))
    store.upsert(name, records(range(5)))
    assert sorted(store.ids(name)) == [0, 1, 2, 3, 4]


@pytest.mark.slow
def test_a_graph_that_lost_its_vectors_is_broken_when_they_are_fetched(private_chroma: ChromaServer, name: str) -> None:
    store = client(private_chroma)
    store.create(spec(name, sync_threshold=2))
    store.upsert(name, records(range(20)))
    private_chroma.stop()
    (_segment_folder(private_chroma, name) / "index_metadata.pickle").unlink()
    private_chroma.start()

    assert store.count(name) == 20
    with pytest.raises(VectorStoreCollectionBroken, match="Error finding id"):
        store.fetch(name, range(20))


@pytest.mark.slow
def test_vectors_that_are_not_finite_are_the_sign_of_a_broken_collection(
    private_chroma: ChromaServer, name: str
) -> None:
    store = client(private_chroma)
    store.create(spec(name, sync_threshold=2))
    store.upsert(name, records(range(20)))
    private_chroma.stop()
    _overwritten(_segment_folder(private_chroma, name) / "length.bin")
    private_chroma.start()

    with pytest.raises(VectorStoreCollectionBroken, match="not finite"):
        store.fetch(name, range(20))


@pytest.mark.slow
def test_a_server_that_crashes_on_a_collection_is_unavailable_and_the_collection_can_be_dropped(
    private_chroma: ChromaServer, name: str
) -> None:
    store = client(private_chroma)
    store.create(spec(name, sync_threshold=2))
    store.upsert(name, records(range(20)))
    private_chroma.stop()
    _overwritten(_segment_folder(private_chroma, name) / "data_level0.bin")
    private_chroma.start()

    with pytest.raises(VectorStoreUnavailable):
        store.upsert(name, records(range(100, 120)))
    private_chroma.stop()
    private_chroma.start()
    store.drop(name)

    assert store.collections() == []


@pytest.mark.slow
def test_a_server_that_is_killed_while_it_saves_leaves_a_collection_that_is_whole_or_known_to_be_broken(
    private_chroma: ChromaServer, name: str
) -> None:
    store = client(private_chroma)
    for attempt in range(10):
        collection = f"{name}-{attempt}"
        store.create(spec(collection, sync_threshold=2))
        store.upsert(collection, records(range(300)))
        writer = threading.Thread(target=_write_until_it_fails, args=(store, collection))
        writer.start()
        time.sleep(0.05 + 0.02 * attempt)
        private_chroma.kill()
        writer.join()
        private_chroma.start()

        try:
            kept = contents(store, collection)
        except (VectorStoreCollectionBroken, VectorStoreUnavailable):
            if not private_chroma.is_running:
                private_chroma.start()
            store.drop(collection)
            assert collection not in [stored.name for stored in store.collections()]
        else:
            assert set(kept) >= set(range(300))
            assert all(kept[key] == as_stored(vector(key), {"number": key}) for key in range(300))


def _write_until_it_fails(store: VectorStore, name: str) -> None:
    for start in range(1000, 100_000, 50):
        try:
            store.upsert(name, records(range(start, start + 50)))
        except VectorStoreError:
            return


def test_the_client_library_is_not_imported_before_it_is_used() -> None:
    program = (
        "import sys; from collections_app.vectorstores.chroma import ChromaVectorStore; "
        "ChromaVectorStore(url='http://127.0.0.1:1'); print('chromadb' in sys.modules, 'httpx' in sys.modules)"
    )

    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert output.split() == ["False", "False"]
