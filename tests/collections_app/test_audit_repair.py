"""Every kind of drift made by hand, on a real Chroma server: it is found and mended, and nothing else is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from django.test import override_settings

from collections_app import fields, projection, services
from collections_app.audit import audit_index, drop_strays, stray_collections
from collections_app.models import (
    Chunk,
    ChunkState,
    Collection,
    Document,
    Embedding,
    EntryState,
    IndexAudit,
    IndexEntry,
    LexicalRow,
    PhysicalCollection,
    SiteIdentity,
    VectorIndex,
)
from collections_app.vectorstores import CollectionSpec, Record, VectorStore
from tests.chroma_server import ChromaServer
from tests.conftest import Drain, save, serving_index

pytestmark = pytest.mark.django_db

DOCUMENTS = 12
STRANGER = 10**9


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromaServer]:
    with ChromaServer(tmp_path_factory.mktemp("chroma") / "data") as running:
        yield running


@dataclass
class Site:
    """One index on a real server, and hands to damage it with."""

    collection: Collection
    index: VectorIndex
    store: VectorStore
    name: str
    drain: Drain

    def chunks(self, *keys: str) -> Any:
        return Chunk.objects.filter(document__key__in=keys, index=self.index, state=ChunkState.LIVE).order_by("pk")

    def ids(self, *keys: str) -> list[int]:
        return list(self.chunks(*keys).values_list("pk", flat=True))

    def entries(self, *keys: str) -> Any:
        return IndexEntry.objects.filter(document__key__in=keys, index=self.index)

    def records(self, *keys: str) -> list[Record]:
        return self.store.fetch(self.name, self.ids(*keys))

    def contents(self, *, without: set[str]) -> Any:
        """Return everything in SQL and store but what belongs to some documents."""
        chunks = Chunk.objects.filter(index=self.index).exclude(document__key__in=without).order_by("pk")
        entries = IndexEntry.objects.filter(index=self.index).exclude(document__key__in=without).order_by("pk")
        rows = LexicalRow.objects.filter(chunk__in=chunks.values("pk")).order_by("pk")
        physical = projection.current_collection(self.index).name
        records = self.store.fetch(physical, list(chunks.values_list("pk", flat=True)))
        return (
            physical,
            list(chunks.values()),
            list(entries.values()),
            list(rows.values()),
            [(record.id, record.vector.tolist(), record.metadata) for record in records],
            list(Document.objects.order_by("pk").values()),
        )

    def audit(self, *, repair: bool = False) -> IndexAudit:
        return audit_index(self.index, deep=True, repair=repair)


@pytest.fixture
def site(server: ChromaServer, db: None, drain: Drain) -> Iterator[Site]:
    options = {"url": server.url, "timeout": 20.0}
    chroma = {"BACKEND": "collections_app.vectorstores.chroma.ChromaVectorStore", "OPTIONS": options}
    with override_settings(VECTOR_STORES={"default": chroma}):
        collection = services.create_collection("Notes")
        fields.declare(collection, [{"n": 1}])
        for number in range(DOCUMENTS):
            save(
                collection,
                str(number),
                f"第 {number} 篇 🙂 about {number}.",
                title=f"T{number}",
                metadata={"n": number},
            )
        drain(collection)
        index = serving_index(collection)
        name = projection.current_collection(index).name
        yield Site(collection, index, projection.store_of(index), name, drain)


def store_loses_ids(site: Site) -> None:
    site.store.delete(site.name, site.ids("3", "4"))


def store_gains_an_unknown_id(site: Site) -> None:
    site.store.upsert(site.name, [Record(STRANGER, np.ones(site.index.profile.dimensions, dtype=np.float32), {})])


def store_gains_a_tombstone_late(site: Site) -> None:
    (record,) = site.records("3")
    save(site.collection, "3", "Another text.")
    site.drain(site.collection)
    site.store.upsert(site.name, [record])


def store_alters_a_vector(site: Site) -> None:
    (record,) = site.records("3")
    site.store.upsert(site.name, [Record(record.id, -record.vector, record.metadata)])


def store_alters_metadata(site: Site) -> None:
    (record,) = site.records("3")
    site.store.upsert(site.name, [Record(record.id, record.vector, {**record.metadata, "n": 99})])


def sql_loses_an_entry(site: Site) -> None:
    site.entries("3").delete()


def sql_wants_another_revision(site: Site) -> None:
    site.entries("3").update(wanted_revision=7)


def sql_says_indexed_and_is_not(site: Site) -> None:
    site.entries("3").update(indexed_revision=0)


def sql_says_newer_than_the_document(site: Site) -> None:
    site.entries("3").update(indexed_revision=9)


def sql_keeps_an_entry_of_a_deleted_document(site: Site) -> None:
    (entry,) = site.entries("3")
    Document.objects.filter(key="3").delete()
    site.drain(site.collection)
    IndexEntry.objects.bulk_create([entry])


def sql_alters_a_chunk(site: Site) -> None:
    site.chunks("3").update(text="Never written.")


def sql_loses_a_chunk(site: Site) -> None:
    LexicalRow.objects.filter(chunk__in=site.ids("3"))._raw_delete("default")
    site.chunks("3")._raw_delete("default")


def sql_records_another_digest(site: Site) -> None:
    site.entries("3").update(text_digest="0" * 64)


def sql_loses_an_embedding(site: Site) -> None:
    ids = list(site.chunks("3").values_list("embedding", flat=True))
    site.chunks("3").update(embedding=None)
    Embedding.objects.filter(pk__in=ids).delete()


def sql_alters_a_vector(site: Site) -> None:
    bad = np.full(site.index.profile.dimensions, np.nan, dtype="<f4").tobytes()
    Embedding.objects.filter(chunks__in=site.ids("3")).update(vector=bad)


def sql_truncates_a_vector(site: Site) -> None:
    Embedding.objects.filter(chunks__in=site.ids("3")).update(vector=b"abc")


def sql_swaps_an_embedding(site: Site) -> None:
    (other,) = site.chunks("4").values_list("embedding", flat=True)
    site.chunks("3").update(embedding=other)


def sql_loses_a_lexical_row(site: Site) -> None:
    LexicalRow.objects.filter(chunk__in=site.ids("3"))._raw_delete("default")


def sql_keeps_a_lexical_row(site: Site) -> None:
    (row,) = LexicalRow.objects.filter(chunk__in=site.ids("3"))
    save(site.collection, "3", "Another text.")
    site.drain(site.collection)
    LexicalRow.objects.bulk_create([row])


DRIFTS: list[tuple[Callable[[Site], None], dict[str, int], int]] = [
    (store_loses_ids, {"ids_missing_in_store": 2}, 0),
    (store_gains_an_unknown_id, {"ids_unknown_or_not_live": 1}, 0),
    (store_gains_a_tombstone_late, {"ids_unknown_or_not_live": 1}, 0),
    (store_alters_a_vector, {"vectors_altered": 1}, 0),
    (store_alters_metadata, {"metadata_altered": 1}, 0),
    (sql_loses_an_entry, {"documents_without_entry": 1}, 0),
    (sql_wants_another_revision, {"wrong_wanted_revision": 1}, 0),
    (sql_says_indexed_and_is_not, {"entries_contradictory": 1, "live_chunks_not_as_recorded": 1}, 0),
    (sql_says_newer_than_the_document, {"entries_contradictory": 1, "live_chunks_not_as_recorded": 1}, 0),
    (sql_keeps_an_entry_of_a_deleted_document, {"entries_without_document": 1}, 0),
    (
        sql_alters_a_chunk,
        {"live_chunks_not_as_recorded": 1, "live_chunks_not_in_text": 1, "vectors_of_another_input": 1},
        0,
    ),
    (sql_loses_a_chunk, {"live_chunks_not_as_recorded": 1, "ids_unknown_or_not_live": 1}, 0),
    (sql_records_another_digest, {"live_chunks_not_as_recorded": 1}, 0),
    (sql_loses_an_embedding, {"live_chunks_without_vector": 1}, 1),
    (sql_alters_a_vector, {"vectors_unusable": 1}, 1),
    (sql_truncates_a_vector, {"vectors_unusable": 1}, 1),
    (sql_swaps_an_embedding, {"vectors_of_another_input": 1, "vectors_altered": 1}, 0),
    (sql_loses_a_lexical_row, {"lexical_rows_missing": 1}, 0),
    (sql_keeps_a_lexical_row, {"lexical_rows_without_chunk": 1}, 0),
]


@pytest.mark.parametrize(("drift", "findings", "embedded"), DRIFTS, ids=[case[0].__name__ for case in DRIFTS])
def test_drift_is_found_and_mended_and_nothing_else_is_touched(
    site: Site, drift: Callable[[Site], None], findings: dict[str, int], embedded: int
) -> None:
    drift(site)
    damaged = {"3", "4"} if drift is store_loses_ids else {"3"}
    before, vectors = site.contents(without=damaged), set(Embedding.objects.values_list("pk", flat=True))
    found = site.audit()
    assert found.report["findings"] == findings
    assert not found.in_step
    assert site.contents(without=damaged) == before, "looking changes nothing"
    mended = site.audit(repair=True)
    assert mended.report["found"] == findings
    assert set(mended.report["findings"]) <= {"entries_behind", "removals_pending"}
    assert mended.report["repaired"]
    site.drain(site.collection)
    after = site.audit()
    assert (after.in_step, after.report["findings"]) == (True, {})
    assert site.contents(without=damaged) == before
    assert len(set(Embedding.objects.values_list("pk", flat=True)) - vectors) == embedded


def test_numbers_of_which_the_store_loses_the_last_bits_are_in_step(site: Site) -> None:
    lost = [8.86237450712011e-275, -23957.515365261122, 1.5212603486793025e-05, -12.070162795213857]
    fields.declare(site.collection, [{"x": 0.5, "xs": [0.5]}])
    save(site.collection, "precise", "Precise.", metadata={"x": lost[0], "xs": lost})
    site.drain(site.collection)
    (record,) = site.records("precise")
    assert record.metadata["xs"] != lost, "the store keeps them: nothing to prove"
    assert site.audit().in_step
    site.store.upsert(site.name, [Record(record.id, record.vector, {**record.metadata, "xs": [1.0, *lost[1:]]})])
    assert site.audit().report["findings"] == {"metadata_altered": 1}


def test_a_collection_that_was_dropped_is_made_anew_without_embedding(site: Site) -> None:
    site.store.drop(site.name)
    vectors = set(Embedding.objects.values_list("pk", flat=True))
    assert site.audit().report["findings"] == {"collection_lost": 1}
    mended = site.audit(repair=True)
    assert (mended.report["repaired"], mended.report["findings"]) == (
        {"collection_lost": 1},
        {"collection_not_ready": 1},
    )
    site.drain(site.collection)
    assert site.audit().in_step
    assert set(Embedding.objects.values_list("pk", flat=True)) == vectors
    assert PhysicalCollection.objects.filter(index=site.index).count() == 2


def test_where_most_records_are_wrong_a_new_collection_is_filled(site: Site) -> None:
    site.store.delete(site.name, site.ids(*map(str, range(7))))
    assert site.audit(repair=True).report["findings"] == {"collection_not_ready": 1}
    site.drain(site.collection)
    assert site.audit().in_step
    assert projection.current_collection(serving_index(site.collection)).name != site.name


def test_what_is_still_true_stays_found_while_its_document_is_projected_anew(site: Site) -> None:
    site.entries("3").update(text_digest="0" * 64)
    ids = site.ids("3")
    site.audit(repair=True)
    assert site.ids("3") == ids
    assert site.entries("3").get().state == EntryState.PENDING


def test_a_stray_collection_of_ours_is_dropped_and_one_of_another_site_stays(site: Site) -> None:
    names = {"vectorsite-stray-of-ours": SiteIdentity.current(), "vectorsite-of-others": "0" * 32}
    for name, owner in names.items():
        site.store.create(CollectionSpec(name=name, dimensions=3, site_id=owner))
    try:
        assert stray_collections("default") == ["vectorsite-stray-of-ours"]
        assert drop_strays("default") == ["vectorsite-stray-of-ours"]
        left = {stored.name for stored in site.store.collections()}
        assert {"vectorsite-of-others", site.name} <= left
        assert "vectorsite-stray-of-ours" not in left
    finally:
        site.store.drop("vectorsite-of-others")
