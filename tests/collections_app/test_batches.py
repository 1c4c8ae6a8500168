"""How much one worker takes at once, and who may pass while it embeds."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db.models import F
from django.test import override_settings

from collections_app import ledger, services, sync
from collections_app.audit import audit_index
from collections_app.embeddings.hashing import MeaninglessHashEmbedder
from collections_app.models import Collection, EntryState, IndexEntry
from tests.conftest import Drain, live_texts, save, serving_index

pytestmark = pytest.mark.django_db


class InterruptedEmbedder(MeaninglessHashEmbedder):
    """Lets something happen after its first call, as between two slices of a long batch."""

    then: Callable[[], object] | None = None

    def _embed(self, inputs: list[str]) -> Any:
        vectors = super()._embed(inputs)
        act, InterruptedEmbedder.then = InterruptedEmbedder.then, None
        if act:
            act()
        return vectors


@pytest.fixture
def interrupted(db: None) -> Iterator[type[InterruptedEmbedder]]:
    InterruptedEmbedder.then = None
    backend = {"meaningless": {"BACKEND": f"{__name__}.InterruptedEmbedder", "OPTIONS": {}}}
    with override_settings(EMBEDDERS=backend):
        yield InterruptedEmbedder


def import_many(collection: Collection, count: int, *, text: str = "Text number") -> None:
    inputs = (services.DocumentInput(key=f"bulk {number}", text=f"{text} {number}.") for number in range(count))
    assert not [saved.error for saved in services.save_documents(collection, inputs) if saved.error]


def claimed(collection: Collection, **more: Any) -> list[ledger.Claimed]:
    lease = ledger.claim(
        serving_index(collection).pk,
        limit=sync.BATCH_ENTRIES,
        characters=sync.BATCH_CHARACTERS,
        bulk_factor=sync.BULK_FACTOR,
        **more,
    )
    return list(lease.entries) if lease else []


def test_an_import_is_worked_in_larger_batches_than_what_somebody_waits_for(collection: Collection) -> None:
    import_many(collection, 2 * sync.BULK_FACTOR * sync.BATCH_ENTRIES)
    assert len(claimed(collection)) == sync.BULK_FACTOR * sync.BATCH_ENTRIES
    edit = save(collection, "edit", "An edit.")
    batch = claimed(collection)
    assert edit.pk in {entry.document_id for entry in batch}
    assert len(batch) == sync.BATCH_ENTRIES


@override_settings(WORKERS=4)
def test_every_worker_gets_its_share_of_what_is_left(collection: Collection) -> None:
    import_many(collection, 200)
    sizes = []
    while batch := claimed(collection):
        sizes.append(len(batch))
    assert sizes == [50, 38, 28, 24, 24, 24, 12]


def test_the_text_of_a_large_batch_is_bounded_too(collection: Collection) -> None:
    import_many(collection, 100, text="long " * (sync.BATCH_CHARACTERS // 50))
    characters = sum(
        IndexEntry.objects.filter(pk__in=[entry.pk for entry in claimed(collection)]).values_list(
            "document__size", flat=True
        )
    )
    assert characters <= sync.BULK_FACTOR * sync.BATCH_CHARACTERS


def test_a_suspect_of_an_import_is_claimed_alone(collection: Collection) -> None:
    import_many(collection, 100)
    IndexEntry.objects.update(suspect=True)
    assert len(claimed(collection)) == 1


def test_an_edit_passes_an_import_that_is_being_embedded(interrupted: type[InterruptedEmbedder], drain: Drain) -> None:
    collection, other = services.create_collection("Notes"), services.create_collection("Others")
    drain(collection)
    drain(other)
    import_many(collection, 200)
    found: list[list[str]] = []

    def edit() -> None:
        save(other, "edit", "An edit.")
        save(collection, "edit", "An edit here.")

    interrupted.then = edit
    original = sync._Batch._flip

    def flip(batch: Any, works: Any, *, generation: int) -> list[int]:
        retired = original(batch, works, generation=generation)
        found.append([work.passages[0].text for work in works])
        return retired

    with pytest.MonkeyPatch.context() as patch, override_settings(WORKERS=1):
        patch.setattr(sync._Batch, "_flip", flip)
        drained = sync.drain(serving_index(collection).pk)
    assert sorted(found[:2]) == [["An edit here."], ["An edit."]], "both are live before the import is"
    assert len(found[2]) == 200
    assert (drained.documents, drained.chunks, drained.more) == (202, 202, False)
    assert not IndexEntry.objects.exclude(indexed_revision=F("wanted_revision")).exists()
    for each in (collection, other):
        assert audit_index(serving_index(each), deep=True).in_step


def test_an_edit_of_a_document_that_is_being_imported_wins(
    interrupted: type[InterruptedEmbedder], drain: Drain
) -> None:
    collection = services.create_collection("Notes")
    import_many(collection, 130)
    interrupted.then = lambda: save(collection, "bulk 7", "Edited meanwhile.")
    drain(collection)
    assert "Edited meanwhile." in live_texts(collection)
    assert "Text number 7." not in live_texts(collection)
    assert audit_index(serving_index(collection), deep=True).in_step


def test_what_passes_keeps_the_lease_of_the_batch_that_waits(
    interrupted: type[InterruptedEmbedder], drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = services.create_collection("Notes")
    import_many(collection, 130)
    renewed: list[set[int]] = []
    original = ledger.renew

    def renew(lease: ledger.Lease) -> bool:
        renewed.append(set(lease.document_ids))
        return original(lease)

    monkeypatch.setattr(ledger, "renew", renew)
    interrupted.then = lambda: save(collection, "edit", "An edit.")
    drain(collection)
    own = next(place for place, ids in enumerate(renewed) if len(ids) == 1)
    assert len(renewed[own + 1]) > 1


def test_a_defect_that_shows_on_an_edit_is_not_charged_to_the_import(
    interrupted: type[InterruptedEmbedder], drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection, other = services.create_collection("Notes"), services.create_collection("Others")
    import_many(collection, 130)
    original = sync._run

    def run(batch: Any, index: Any, status: Any) -> bool:
        if index.collection_id == other.pk:
            raise KeyError("a defect")
        return original(batch, index, status)

    monkeypatch.setattr(sync, "_run", run)
    interrupted.then = lambda: save(other, "edit", "An edit.")
    drain(collection)
    assert len(live_texts(collection)) == 130
    waiting = IndexEntry.objects.get(index__collection=other)
    assert (waiting.state, waiting.attempts, waiting.lease_token) == (EntryState.PENDING, 0, None)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_workers_that_claim_shares_at_once_take_each_document_once() -> None:
    collection = services.create_collection("Notes")
    import_many(collection, 300)
    batches: list[list[ledger.Claimed]] = []

    def work() -> None:
        from django.db import connections

        try:
            while batch := claimed(collection):
                batches.append(batch)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    taken = [entry.pk for batch in batches for entry in batch]
    assert len(taken) == len(set(taken))
    # Whoever met only entries that another one was just claiming went home; what is left has no lease.
    assert IndexEntry.objects.filter(lease_token=None).count() == 300 - len(taken)
