"""The faults that the chaos suite makes: each does exactly what it says, and tells what it hit."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import redis

from collections_app.embeddings.openai import OpenAIEmbedder
from collections_app.exceptions import EmbedderUnavailable, EmbeddingError, EmbeddingInputRefused
from tests.chaos.faults.broker_proxy import BrokerProxy
from tests.chaos.faults.chroma_process import ChromaProcess
from tests.chaos.faults.damage import Damage, damage_collection
from tests.chaos.faults.embedding_server import DEADLY, POISON, EmbeddingFaults, Mode, running_embedding_faults
from tests.site_process import free_port
from vectorsite.supervisor.site import redis_executable

pytestmark = pytest.mark.slow

SOON = 10.0
PASSWORD = "secret"
BELL = "vectorsite:bell:collections_app.tasks.drain_index:7"


# --- the broker ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    options = f"--bind 127.0.0.1 --port {port} --requirepass {PASSWORD} --appendonly no".split()
    folder = tmp_path_factory.mktemp("redis")
    server = subprocess.Popen(
        [redis_executable(), *options, "--save", "", "--dir", str(folder)], stdout=subprocess.DEVNULL
    )
    url = f"redis://:{PASSWORD}@127.0.0.1:{port}/0"
    deadline = time.monotonic() + SOON
    while True:
        try:
            redis.Redis.from_url(url).ping()
            break
        except redis.ConnectionError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    yield url
    server.kill()
    server.wait()


def test_a_killed_process_never_rang_the_bell_that_was_held(broker: str) -> None:
    direct = redis.Redis.from_url(broker)
    direct.flushall()
    with BrokerProxy(broker) as proxy:
        hold = proxy.hold("bell")
        script = f"import redis; redis.Redis.from_url({proxy.url!r}).set({BELL!r}, 1, nx=True, ex=5)"
        ringer = subprocess.Popen([sys.executable, "-c", script])
        held = hold.wait(30)
        assert held.client_pid == ringer.pid
        ringer.send_signal(signal.SIGKILL)
        ringer.wait()
        held.drop()
        assert direct.get(BELL) is None
        assert proxy.received["bell"] == 1


def test_the_message_is_held_apart_from_the_bell_and_the_rest_passes(broker: str) -> None:
    with BrokerProxy(broker) as proxy:
        client = redis.Redis.from_url(proxy.url)
        client.flushall()
        hold = proxy.hold("message", by=[os.getpid()])
        assert client.set(BELL, 1, nx=True, ex=5)
        pushing = threading.Thread(target=lambda: client.lpush("sync", "x" * 100_000))
        pushing.start()
        held = hold.wait(SOON)
        assert redis.Redis.from_url(broker).llen("sync") == 0
        held.release()
        pushing.join(SOON)
        assert client.llen("sync") == 1
        client.delete(BELL)
        assert (proxy.received["bell"], proxy.received["message"], proxy.received["heard"]) == (1, 1, 1)


def test_only_the_bells_of_the_named_processes_are_held(broker: str) -> None:
    with BrokerProxy(broker) as proxy, redis.Redis.from_url(proxy.url) as client:
        proxy.hold("bell", by=[1])
        client.delete(BELL)
        assert client.set(BELL, 1, nx=True, ex=5)


def test_a_broker_that_refuses_can_be_reached_again_later(broker: str) -> None:
    with BrokerProxy(broker) as proxy:
        client = redis.Redis.from_url(proxy.url)
        assert client.ping()
        proxy.refuse()
        with pytest.raises(redis.ConnectionError):
            client.ping()
        proxy.accept()
        assert client.ping()


# --- the embedding server -----------------------------------------------------------------------------------------


@pytest.fixture
def embeddings() -> Iterator[EmbeddingFaults]:
    with running_embedding_faults() as server:
        yield server


def embedder(server: EmbeddingFaults, timeout: float = SOON) -> OpenAIEmbedder:
    return OpenAIEmbedder(model="chaos", base_url=server.url, timeout=timeout)


def test_equal_texts_have_equal_vectors_whoever_asks(embeddings: EmbeddingFaults) -> None:
    first = embedder(embeddings).embed_passages(["one", "two", "one"])
    assert np.array_equal(first[0], first[2]) and not np.array_equal(first[0], first[1])
    assert np.array_equal(embedder(embeddings).embed_query("two"), first[1])
    # Each client first asks with a text of its own how many dimensions there are.
    assert embeddings.texts == {Mode.OK: 6}


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode not in {Mode.OK, Mode.SLOW, Mode.SILENT}])
def test_every_failure_is_an_outage_to_the_embedder_and_ends_with_the_mode(
    embeddings: EmbeddingFaults, mode: Mode
) -> None:
    client = embedder(embeddings)
    assert client.dimensions == 24
    embeddings.mode = mode
    with pytest.raises(EmbeddingError) as failure:
        client.embed_passages(["one", "two"])
    assert not isinstance(failure.value, EmbeddingInputRefused)
    embeddings.mode = Mode.OK
    assert client.embed_passages(["one"]).shape == (1, 24)


def test_a_silent_server_is_waited_for_no_longer_than_the_client_likes(embeddings: EmbeddingFaults) -> None:
    embeddings.mode = Mode.SILENT
    with pytest.raises(EmbedderUnavailable, match="silent"):
        embedder(embeddings, timeout=0.2).embed_passages(["one"])


def test_poison_alone_is_refused(embeddings: EmbeddingFaults) -> None:
    with pytest.raises(EmbeddingInputRefused):
        embedder(embeddings).embed_passages(["good", f"bad {POISON}"])
    assert embedder(embeddings).embed_passages(["good"]).shape == (1, 24)
    assert embeddings.poisoned == 1


def test_who_asks_for_a_deadly_text_is_killed(embeddings: EmbeddingFaults) -> None:
    script = (
        f"import httpx; httpx.post({embeddings.url!r} + '/embeddings', json={{'model': 'm', 'input': [{DEADLY!r}]}})"
    )
    client = subprocess.run([sys.executable, "-c", script], timeout=30, check=False)
    assert client.returncode == -signal.SIGKILL
    assert len(embeddings.killed) == 1


# --- Chroma -------------------------------------------------------------------------------------------------------


class Client:
    """Talks to a server's collections as plainly as possible."""

    def __init__(self, server: ChromaProcess) -> None:
        self._http = httpx.Client(timeout=SOON)
        self._base = f"{server.url}/api/v2/tenants/default_tenant/databases/default_database/collections"

    def create(self, name: str) -> None:
        hnsw = {"space": "cosine", "sync_threshold": 200, "batch_size": 100}
        self._answer("POST", "", {"name": name, "configuration": {"hnsw": hnsw}})

    def drop(self, name: str) -> None:
        self._answer("DELETE", f"/{name}", None)

    def write(self, name: str, start: int, count: int = 100) -> None:
        vectors = np.random.default_rng(start).normal(size=(count, 32)).round(4).tolist()
        ids = [str(start + number) for number in range(count)]
        self._answer("POST", f"/{self._id(name)}/upsert", {"ids": ids, "embeddings": vectors})

    def vectors(self, name: str) -> int:
        return len(self._answer("POST", f"/{self._id(name)}/get", {"include": ["embeddings"]})["ids"])

    def nearest(self, name: str) -> int:
        question = {"query_embeddings": [[0.1] * 32], "n_results": 10, "include": ["distances"]}
        return len(self._answer("POST", f"/{self._id(name)}/query", question)["ids"][0])

    def count(self, name: str) -> int:
        return int(self._answer("GET", f"/{self._id(name)}/count", None))

    def _id(self, name: str) -> str:
        return str(self._answer("GET", f"/{name}", None)["id"])

    def _answer(self, method: str, path: str, body: Any) -> Any:
        answer = self._http.request(method, self._base + path, json=body)
        assert answer.is_success, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def chroma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromaProcess]:
    with ChromaProcess(tmp_path_factory.mktemp("store") / "chroma") as server:
        Client(server).create("bystander")
        Client(server).write("bystander", 0)
        yield server


@pytest.mark.chroma
@pytest.mark.parametrize("kind", Damage)
def test_damage_shows_as_it_says_and_goes_with_its_collection(chroma: ChromaProcess, kind: Damage) -> None:
    client, name = Client(chroma), f"damaged-{kind.name.lower()}"
    client.create(name)
    for start in range(0, 500, 50):
        client.write(name, start, 50)
    chroma.stop()
    damage_collection(chroma.folder, name, kind)
    chroma.start()
    match kind:
        case Damage.UNLOADABLE | Damage.CUT_SHORT:
            with pytest.raises(AssertionError, match=r"Error loading hnsw index|Error deserializing pickle file"):
                client.count(name)
        case Damage.CRASHING:
            with pytest.raises(httpx.RemoteProtocolError):
                client.count(name)
            wait_for(chroma.has_crashed)
            chroma.start()
        case Damage.LOST | Damage.DISTORTED:
            assert client.count(name) == 500 and client.nearest(name) == 10
            with pytest.raises(AssertionError, match=r"Error finding id|Error getting embedding"):
                client.vectors(name)
        case Damage.SWELLING:
            chroma.limit_files(16 << 20)
            assert client.vectors(name) == 500
            client.write(name, 500, 200)
            client.write(name, 700, 1)
            assert max(path.stat().st_size for path in chroma.folder.glob("*/link_lists.bin")) == 16 << 20
    client.drop(name)
    assert client.nearest("bystander") == 10


@pytest.mark.chroma
def test_a_kill_during_a_persist_is_counted_when_it_hit(tmp_path: Path) -> None:
    with ChromaProcess(tmp_path / "chroma") as chroma:
        writing = threading.Thread(target=write_until_it_dies, args=(chroma,))
        writing.start()
        is_hit = chroma.kill_during_persist(seconds=60, rng=random.Random(1))
        writing.join(SOON)
        assert not chroma.is_running and chroma.kills == 1
        assert chroma.persists_hit == int(is_hit)
        chroma.restart()


@pytest.mark.chroma
def test_no_persist_is_no_kill(chroma: ChromaProcess) -> None:
    assert not chroma.kill_during_persist(seconds=0.05)
    assert chroma.is_running and chroma.persists_hit == 0


@pytest.mark.chroma
def test_a_full_disk_refuses_writes_until_the_server_is_restarted_with_room(tmp_path: Path) -> None:
    with ChromaProcess(tmp_path / "chroma") as chroma:
        client = Client(chroma)
        client.create("notes")
        chroma.limit_files(4096)
        with pytest.raises(AssertionError, match="error returned from database"):
            client.write("notes", 0)
        chroma.restart()
        client.write("notes", 0)
        assert client.count("notes") == 100


@pytest.mark.chroma
def test_a_suspended_server_goes_on_and_a_lost_folder_is_empty(tmp_path: Path) -> None:
    with ChromaProcess(tmp_path / "chroma") as chroma:
        client = Client(chroma)
        client.create("notes")
        with chroma.suspended(), pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{chroma.url}/api/v2/heartbeat", timeout=0.2)
        assert client.count("notes") == 0
        port = chroma.port
        chroma.lose_folder()
        chroma.start()
        assert chroma.port == port
        with pytest.raises(AssertionError, match="does not exist"):
            client.count("notes")


def write_until_it_dies(chroma: ChromaProcess) -> None:
    client, start = Client(chroma), 0
    client.create("notes")
    while True:
        try:
            client.write("notes", start)
        except (httpx.TransportError, AssertionError):
            return
        start += 100


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
