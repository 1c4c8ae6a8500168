"""Somebody who asks all the time notices nothing of a rebuild, the switch, the way back and the drop."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connections

from collections_app import profiles, services, sweeping, sync
from collections_app.models import Collection, VectorIndex
from search_app.search import SearchRequest, search
from tests.conftest import Drain, save

pytestmark = pytest.mark.django_db(transaction=True)

TEXTS = {f"doc {number}": f"Text number {number} stays. 第{number}篇文章不变。🐈" for number in range(10)}


class Reader(threading.Thread):
    """Asks for one document after the other by its own text, and notes what was not as it should be."""

    def __init__(self, collection: Collection) -> None:
        super().__init__(daemon=True)
        self._collection = collection
        self._ended = threading.Event()
        self.questions = 0
        self.complaints: list[object] = []

    def run(self) -> None:
        try:
            while not self._ended.is_set():
                for key, text in TEXTS.items():
                    self._ask(key, text)
        except Exception as error:  # noqa: BLE001 - an error is a complaint, too
            self.complaints.append(error)
        finally:
            connections.close_all()

    def _ask(self, key: str, text: str) -> None:
        response = search(SearchRequest(query=text, collections=(self._collection,)))
        self.questions += 1
        if not response.answered or not response.hits or response.hits[0].chunk.document.key != key:
            self.complaints.append((key, response))

    def end(self) -> None:
        self._ended.set()
        self.join(30)


@contextmanager
def reading(collection: Collection, readers: int = 1) -> Iterator[list[Reader]]:
    crowd = [Reader(collection) for _ in range(readers)]
    for reader in crowd:
        reader.start()
    try:
        yield crowd
    finally:
        for reader in crowd:
            reader.end()


def work(*indexes: VectorIndex) -> None:
    for index in indexes:
        sweeping.fill(index.pk)
        while sync.drain(index.pk).more:
            pass
    sweeping.let_go()
    sweeping.tidy()


def test_a_reader_notices_nothing(collection: Collection, drain: Drain) -> None:
    for key, text in TEXTS.items():
        save(collection, key, text)
    drain(collection)
    old = collection.serving_index
    assert old is not None
    other = profiles.create_profile("Other", backend="meaningless", options={"dimensions": 48})
    with reading(collection) as readers:
        new = services.start_rebuild(collection, profile=other, chunk_size=64)
        save(collection, "meanwhile", "Something else altogether.")
        work(old, new)
        services.activate(new)
        save(collection, "meanwhile", "And changed after the switch.")
        work(old, new)
        services.roll_back(collection)
        services.roll_back(collection)
        asked = [reader.questions for reader in readers]
        services.drop_index(old)
        work(new)
        for reader, before in zip(readers, asked, strict=True):
            while reader.questions < before + len(TEXTS) and reader.is_alive():
                work(new)
    assert [reader.complaints for reader in readers] == [[]]
    assert all(reader.questions > len(TEXTS) for reader in readers)
    assert Collection.objects.get().serving_index_id == new.pk
