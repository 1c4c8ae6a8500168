"""What an interruption, a refusal or an outage in the middle of something leaves, and how it is made whole."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models.functions import Now
from django.test import override_settings

from collections_app import ledger, services, sources, sweeping, sync
from collections_app.audit import audit_index
from collections_app.exceptions import RecordRefused, VectorStoreUnavailable
from collections_app.models import (
    Chunk,
    Collection,
    Document,
    EntryState,
    ImportOrigin,
    ImportOutcome,
    IndexEntry,
    PhysicalCollection,
    SourceFile,
    VectorStoreStatus,
)
from collections_app.sources import stored_bytes
from collections_app.vectorstores import Record, load_vector_store
from collections_app.vectorstores.memory import InMemoryVectorStore
from tests.conftest import Drain, live_texts, save, serving_index

pytestmark = pytest.mark.django_db


class TroubledStore(InMemoryVectorStore):
    """Refuses the records of one document, does something else before an upsert, or cannot drop."""

    refused: int | None = None
    before_upsert: Callable[[], None] | None = None
    cannot_drop = False

    def _upsert_batch(self, name: str, records: Any) -> None:
        act, TroubledStore.before_upsert = TroubledStore.before_upsert, None
        if act:
            act()
        if any(record.metadata["_document"] == self.refused for record in records):
            raise RecordRefused("The store refuses this record. Take it out.")
        super()._upsert_batch(name, records)

    def drop(self, name: str) -> None:
        if self.cannot_drop:
            raise VectorStoreUnavailable("The store does not answer. Start it.")
        super().drop(name)


@pytest.fixture
def troubled(db: None) -> Iterator[type[TroubledStore]]:
    TroubledStore.refused, TroubledStore.before_upsert, TroubledStore.cannot_drop = None, None, False
    with override_settings(VECTOR_STORES={"default": {"BACKEND": f"{__name__}.TroubledStore", "OPTIONS": {}}}):
        yield TroubledStore


@pytest.fixture(autouse=True)
def storage(tmp_path: Path) -> Iterator[Path]:
    with override_settings(MEDIA_ROOT=tmp_path):
        yield tmp_path


def upload(collection: Collection, name: str, raw: bytes) -> Any:
    act = sources.start_import(collection, origin=ImportOrigin.UPLOAD)
    return sources.store_upload(collection, content=ContentFile(raw), filename=name, key=name, import_act=act)


def tidy_up() -> None:
    """Do what sweeper and tidier do in the minutes after something happened."""
    for _ in range(3):
        sweeping.find_work()
        sweeping.let_go()
        services.finish_deletions()
        with override_settings(TOMBSTONE_GRACE_SECONDS=0):
            sweeping.tidy()


def test_a_refused_record_leaves_no_second_copy_of_its_batch(
    collection: Collection, drain: Drain, troubled: type[TroubledStore]
) -> None:
    documents = [save(collection, str(number), f"Text number {number}.") for number in range(4)]
    troubled.refused = documents[3].pk
    drain(collection)
    assert sorted(live_texts(collection)) == [f"Text number {number}." for number in range(3)]
    IndexEntry.objects.filter(document=documents[3]).update(state=EntryState.FAILED)
    sweeping.let_go()
    assert audit_index(serving_index(collection), deep=True).in_step


def test_a_collection_deleted_while_a_worker_writes_to_it_goes_for_good(
    collection: Collection, drain: Drain, troubled: type[TroubledStore]
) -> None:
    save(collection, "a", "One.")

    def delete() -> None:
        collection.delete()
        sweeping.let_go()

    troubled.before_upsert = delete
    drain(collection)
    tidy_up()
    assert not Collection.objects.exists()
    assert not Chunk.objects.exists()
    assert load_vector_store().collections() == []


def test_a_collection_deleted_while_the_store_is_down_is_dropped_later(
    collection: Collection, drain: Drain, troubled: type[TroubledStore]
) -> None:
    drain(collection)
    troubled.cannot_drop = True
    collection.delete()
    tidy_up()
    assert PhysicalCollection.objects.exists(), "its name is not forgotten before it is dropped"
    troubled.cannot_drop = False
    VectorStoreStatus.objects.update(paused_until=None)
    tidy_up()
    assert not Collection.objects.exists()
    assert load_vector_store().collections() == []


def test_the_deletion_of_a_collection_is_finished_after_a_kill(
    collection: Collection, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        save(collection, str(number), f"Text {number}.")
    drain(collection)

    def killed(*args: Any, **kwargs: Any) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(services.collections, "delete_documents", killed)
        collection.delete()
    assert not Collection.objects.alive().exists()
    tidy_up()
    assert not Document.objects.exists()
    assert not Collection.objects.exists()


def test_work_is_found_once_for_each_index(collection: Collection) -> None:
    for number in range(5):
        save(collection, str(number), f"Text {number}.")
    assert sweeping.find_work().drain == [serving_index(collection).pk]


def test_a_missing_entry_is_added_but_not_for_a_deleted_document(collection: Collection, drain: Drain) -> None:
    save(collection, "a", "One.")
    save(collection, "b", "Two.").delete()
    IndexEntry.objects.all().delete()
    assert sweeping.add_missing_entries(serving_index(collection)) == 1
    drain(collection)
    assert live_texts(collection) == ["One."]


def test_a_wrong_setting_of_the_store_charges_no_document(collection: Collection) -> None:
    save(collection, "a", "One.")
    with override_settings(VECTOR_STORES={}):
        for _ in range(ledger.MAX_ATTEMPTS):
            sync.drain(serving_index(collection).pk)
            VectorStoreStatus.objects.update(paused_until=Now())
    entry = IndexEntry.objects.get()
    assert (entry.state, entry.attempts) == (EntryState.PENDING, 0)
    assert VectorStoreStatus.objects.get().pause_reason


def test_a_store_on_which_every_collection_breaks_is_not_given_ever_more(
    collection: Collection, drain: Drain, troubled: type[TroubledStore]
) -> None:
    index = serving_index(collection)
    for number in range(8):
        save(collection, str(number), f"Text {number}.")
        drain(collection)
        for known in load_vector_store().collections():
            load_vector_store().drop(known.name)
        VectorStoreStatus.objects.update(paused_until=None)
    index.refresh_from_db()
    assert index.generation <= 5


def test_a_torso_of_an_upload_is_replaced_by_the_whole_file(collection: Collection, storage: Path) -> None:
    raw = b"All of the text. " * 10
    sha256 = hashlib.sha256(raw).hexdigest()
    torso = storage / "sources" / sha256[:2] / sha256
    torso.parent.mkdir(parents=True)
    torso.write_bytes(raw[:20])
    sources.extract(upload(collection, "a.txt", raw).source_file_id)
    assert Document.objects.get().text.strip() == raw.decode().strip()


def test_a_file_whose_bytes_are_gone_can_be_uploaded_again(collection: Collection, storage: Path) -> None:
    item = upload(collection, "a.txt", b"Some text.")
    for path in (storage / "sources").rglob("*"):
        if path.is_file():
            path.unlink()
    sources.extract(item.source_file_id)
    assert "Upload it again" in SourceFile.objects.get().error
    again = upload(collection, "a.txt", b"Some text.")
    assert again.outcome == ImportOutcome.PENDING
    sources.extract(again.source_file_id)
    assert Document.objects.get().text.strip() == "Some text."


def test_bytes_that_nothing_refers_to_are_removed_after_a_day(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = upload(collection, "a.txt", b"First version.")
    old, folder = str(item.source_file.file), str(item.source_file.file).rsplit("/", 1)[0]
    upload(collection, "a.txt", b"Second version.")
    kept = str(SourceFile.objects.get().file)
    monkeypatch.setattr(stored_bytes.time, "time", lambda: int(folder[-2:], 16) * 60.0)
    assert sources.sweep_unused_bytes() == 0
    monkeypatch.setattr(stored_bytes, "UNUSED_FOR", timedelta(seconds=-1))
    assert sources.sweep_unused_bytes() == 1
    assert not default_storage.exists(old)
    assert default_storage.exists(kept)


def test_a_long_documents_records_are_written_in_parts(
    collection: Collection, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts: list[int] = []
    original = InMemoryVectorStore.add

    def counted(self: InMemoryVectorStore, name: str, records: list[Record]) -> None:
        parts.append(len(records))
        original(self, name, records)

    monkeypatch.setattr(InMemoryVectorStore, "add", counted)
    monkeypatch.setattr(sync, "UPSERT_RECORDS", 3)
    save(collection, "a", "\n\n".join(f"word{number} " * 150 for number in range(8)))
    drain(collection)
    assert len(parts) > 2
    assert max(parts) <= 3
    assert IndexEntry.objects.get().state == EntryState.INDEXED
