"""Another index is built beside the serving one, takes over when it is in step, and can be switched back."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from collections_app import profiles, services, sweeping, sync, tasks
from collections_app.embeddings.hashing import MeaninglessHashEmbedder
from collections_app.exceptions import RebuildRefused
from collections_app.ledger import in_future
from collections_app.models import (
    Chunk,
    ChunkState,
    Collection,
    Embedding,
    EmbeddingProfile,
    EntryState,
    IndexEntry,
    IndexState,
    PhysicalCollection,
    PhysicalState,
    SiteIdentity,
    TrailRecord,
    VectorIndex,
)
from collections_app.vectorstores import load_vector_store
from collections_app.visibility import retire
from search_app.request import Readable, SearchRequest
from search_app.search import search
from tests.conftest import Drain, live_texts, save, serving_index

pytestmark = pytest.mark.django_db


@pytest.fixture
def notes(collection: Collection, drain: Drain) -> Collection:
    """Three documents that are found."""
    for number, text in enumerate(("Cats purr.", "Dogs bark at night.", "猫在屋顶上睡觉。🐈")):
        save(collection, str(number), text)
    drain(collection)
    return collection


@pytest.fixture
def other_profile() -> EmbeddingProfile:
    return profiles.create_profile("Other", backend="meaningless", options={"dimensions": 48})


def work(index: VectorIndex) -> None:
    """Do what workers do with an index until nothing is left."""
    sweeping.fill(index.pk)
    while sync.drain(index.pk).more:
        pass
    sweeping.let_go()


def build(collection: Collection, **options: object) -> VectorIndex:
    index = services.start_rebuild(collection, **options)  # type: ignore[arg-type]
    work(index)
    return index


def take_over() -> bool:
    """Do what the sweeper and the task it rings for do."""
    return any(services.activate_when_proved(pk) for pk in services.ready_to_activate())


def state(index: VectorIndex) -> str:
    return VectorIndex.objects.get(pk=index.pk).state


def stored() -> int:
    """Count this site's collections in the store."""
    site = SiteIdentity.current()
    return sum(known.site_id == site for known in load_vector_store().collections())


def found(collection: Collection, query: str) -> list[str]:
    return [hit.chunk.text for hit in search(SearchRequest(query=query, collections=(collection,))).hits]


def test_building_beside_with_the_same_settings_embeds_nothing(
    notes: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*args: object) -> np.ndarray:
        raise AssertionError("embedded again")

    before = Embedding.objects.count()
    monkeypatch.setattr(MeaninglessHashEmbedder, "_embed", never)
    index = build(notes)
    assert take_over()
    assert serving_index(Collection.objects.get()).pk == index.pk
    assert Embedding.objects.count() == before


def test_the_new_index_takes_over_when_it_is_in_step_and_the_old_one_is_kept(
    notes: Collection, other_profile: EmbeddingProfile
) -> None:
    old = serving_index(notes)
    index = services.start_rebuild(notes, profile=other_profile, chunk_size=32)
    assert not take_over(), "it is empty yet"
    assert found(notes, "Cats purr.")[0] == "Cats purr."
    work(index)
    assert take_over()
    index.refresh_from_db()
    old.refresh_from_db()
    notes.refresh_from_db()
    assert notes.serving_index_id == index.pk
    assert (index.state, index.problem, index.activate_when_ready) == (IndexState.SERVING, "", False)
    assert old.state == IndexState.STANDBY
    assert old.standby_until is not None
    assert timedelta(days=6) < old.standby_until - timezone.now() < timedelta(days=8)
    assert found(notes, "Dogs bark at night.")[0] == "Dogs bark at night."
    assert TrailRecord.objects.filter(action="activated", object_id=notes.public_id).count() == 1


def test_documents_written_meanwhile_reach_both(notes: Collection, other_profile: EmbeddingProfile) -> None:
    old, new = serving_index(notes), services.start_rebuild(notes, profile=other_profile)
    save(notes, "new", "Written meanwhile.")
    save(notes, "0", "Cats purr loudly.")
    notes.documents.get(key="1").delete()
    for index in (old, new):
        work(index)
    texts = {
        index.pk: set(Chunk.objects.filter(index=index, state=ChunkState.LIVE).values_list("text", flat=True))
        for index in (old, new)
    }
    assert texts[old.pk] == texts[new.pk] == {"Written meanwhile.", "Cats purr loudly.", "猫在屋顶上睡觉。🐈"}
    assert take_over()
    save(notes, "2", "After the switch.")
    for index in (old, new):
        work(index)
    assert live_texts(notes) == live_texts(Collection.objects.get())


def test_going_back_is_one_act_and_may_be_undone(notes: Collection) -> None:
    old, new = serving_index(notes), build(notes, chunk_size=32)
    assert take_over()
    save(notes, "0", "Changed after the switch.")
    with pytest.raises(RebuildRefused, match="still being taken"):
        work(new)
        services.roll_back(notes)
    work(old)
    assert services.roll_back(notes).pk == old.pk
    assert (state(old), state(new)) == (IndexState.SERVING, IndexState.STANDBY)
    assert found(notes, "Changed after the switch.")[0] == "Changed after the switch."
    assert services.roll_back(notes).pk == new.pk


def test_a_second_rebuild_at_once_is_refused_with_the_remedy(notes: Collection) -> None:
    index = services.start_rebuild(notes)
    with pytest.raises(RebuildRefused, match="rebuild notes --cancel"):
        services.start_rebuild(notes)
    services.drop_index(index)
    services.start_rebuild(notes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chunk_size": 4}, "chunk size of 4"),
        ({"chunk_size": 100_000}, "chunk size of 100000"),
        ({"chunk_size": 50, "chunk_overlap": 50}, "from 0 to 49"),
        ({"chunk_overlap": -1}, "overlap of -1"),
    ],
)
def test_settings_that_cannot_be_are_refused_and_nothing_is_made(notes: Collection, options: Any, message: str) -> None:
    with pytest.raises(RebuildRefused, match=message):
        services.start_rebuild(notes, **options)
    assert VectorIndex.objects.count() == 1


def test_it_does_not_take_over_unless_it_shall(notes: Collection) -> None:
    index = build(notes, activate=False)
    assert not take_over()
    services.activate(index)
    assert state(index) == IndexState.SERVING


def test_what_failed_in_the_new_index_alone_stands_in_the_way_by_name(notes: Collection) -> None:
    index = build(notes)
    entry = IndexEntry.objects.filter(index=index, document__key="1")
    entry.update(state=EntryState.FAILED, indexed_revision=0, error="The model refuses this.")
    assert not take_over()
    index.refresh_from_db()
    assert (index.state, "1, such as 1." in index.problem) == (IndexState.BUILDING, True), index.problem
    with pytest.raises(RebuildRefused, match="have failed in it"):
        services.activate(index)
    # What failed in both is still missed while the serving index has a passage of it, and else by nobody.
    served = IndexEntry.objects.filter(index=serving_index(notes), document__key="1")
    served.update(state=EntryState.FAILED)
    retire(Chunk.objects.filter(index=index, document__key="1"))
    entry.update(chunk_count=0, text_digest="")
    sweeping.let_go()
    with pytest.raises(RebuildRefused, match="have failed in it: 1, such as 1"):
        services.activate(index)
    served.update(chunk_count=0, text_digest="")
    services.activate(index)


def test_a_document_that_is_gone_from_the_new_index_alone_stands_in_the_way(notes: Collection) -> None:
    """Both are behind the present text, which holds something that only the serving index had cut as a passage."""
    index = build(notes)
    entries = IndexEntry.objects.filter(document__key="0")
    entries.update(state=EntryState.PENDING, wanted_revision=2)
    entries.filter(index=index).update(chunk_count=0)
    with pytest.raises(RebuildRefused, match="still being taken"):
        services.activate(index)


def test_at_activation_an_older_standby_is_dropped(notes: Collection) -> None:
    first = serving_index(notes)
    second = build(notes)
    assert take_over()
    third = build(notes)
    assert take_over()
    assert [state(index) for index in (first, second, third)] == [
        IndexState.DROPPED,
        IndexState.STANDBY,
        IndexState.SERVING,
    ]
    sweeping.let_go()
    sweeping.tidy()
    assert PhysicalCollection.objects.get(index=first).state == PhysicalState.DROPPED
    assert not IndexEntry.objects.filter(index=first).exists()
    assert not Chunk.objects.filter(index=first).exists()
    assert stored() == 2


def test_a_standby_is_dropped_when_its_time_is_over(notes: Collection) -> None:
    old, new = serving_index(notes), build(notes)
    assert take_over()
    assert services.drop_outlived() == 0
    VectorIndex.objects.filter(pk=old.pk).update(standby_until=in_future(timedelta(seconds=-1)))
    assert services.drop_outlived() == 1
    assert (state(old), state(new)) == (IndexState.DROPPED, IndexState.SERVING)
    with pytest.raises(RebuildRefused, match="No earlier index"):
        services.roll_back(notes)


def test_the_serving_index_cannot_be_dropped(notes: Collection) -> None:
    with pytest.raises(RebuildRefused, match="serves now"):
        services.drop_index(serving_index(notes))


def test_a_build_that_is_given_up_leaves_nothing_behind(notes: Collection, other_profile: EmbeddingProfile) -> None:
    index = build(notes, profile=other_profile)
    services.drop_index(index)
    assert sync.drain(index.pk).documents == 0
    sweeping.let_go()
    sweeping.tidy()
    assert not IndexEntry.objects.filter(index=index).exists()
    assert not Chunk.objects.filter(index=index).exists()
    assert stored() == 1
    save(notes, "0", "Something new.")
    assert not IndexEntry.objects.filter(index=index).exists()


def test_after_a_kill_between_index_and_entries_the_sweeper_adds_them(
    notes: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*args: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(sweeping, "add_missing_entries", killed)
        services.start_rebuild(notes)
    index = services.building_index(notes)
    assert index is not None
    work(index)
    assert not take_over(), "an index without entries is not complete"
    monkeypatch.setattr(sweeping, "ENTRIES_AT_ONCE", 2)
    sweeping.tidy()
    assert IndexEntry.objects.filter(index=index).count() == 3
    work(index)
    assert take_over()


def test_a_search_whose_index_is_dropped_meanwhile_asks_the_present_one(
    notes: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    from search_app import search as search_module

    old, new = serving_index(notes), build(notes)
    original = search_module._indexes_of
    served: list[VectorIndex] = []

    def dropped_at_once(collections: Readable) -> list[VectorIndex]:
        indexes = original(collections)
        served.extend(indexes)
        if indexes == [old]:
            services.activate(new)
            services.drop_index(VectorIndex.objects.get(pk=old.pk))
            sweeping.let_go()
            sweeping.tidy()
        return indexes

    monkeypatch.setattr(search_module, "_indexes_of", dropped_at_once)
    assert found(notes, "Cats purr.")[0] == "Cats purr."
    assert served == [old, new]


def test_deleting_the_collection_takes_every_index_along(notes: Collection) -> None:
    build(notes)
    assert take_over()
    build(notes)
    notes.delete()
    assert set(VectorIndex.objects.values_list("state", flat=True)) == {IndexState.DROPPED}
    for _ in range(3):
        sweeping.let_go()
        sweeping.tidy()
    assert stored() == 0
    assert not take_over()


def test_the_sweeper_rings_for_what_may_take_over(notes: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    index = build(notes)
    rung: list[tuple[object, int]] = []
    monkeypatch.setattr(tasks, "ring", lambda task, identity: rung.append((task, identity)))
    tasks.sweep()
    assert (tasks.activate_index, index.pk) in rung
    tasks.activate_index(index.pk)
    assert state(index) == IndexState.SERVING


# --- figures ------------------------------------------------------------------------------------------------------


def test_with_the_same_settings_nothing_is_to_be_embedded(notes: Collection) -> None:
    figures = services.estimate(services.plan_index(notes))
    assert (figures.documents, figures.passages, figures.tokens_to_embed) == (3, 3, 0)
    assert figures.is_exact


def test_with_another_profile_every_passage_is_to_be_embedded(
    notes: Collection, other_profile: EmbeddingProfile
) -> None:
    figures = services.estimate(services.plan_index(notes, profile=other_profile))
    assert (figures.passages, figures.passages_to_embed, figures.sampled) == (3, 3, 3)
    assert figures.tokens_to_embed > 0
    assert figures.seconds is not None and figures.seconds > 0
    assert not Embedding.objects.filter(profile=other_profile).exists(), "an estimate changes nothing"
    build(notes, profile=other_profile)
    assert services.estimate(services.plan_index(notes, profile=other_profile)).tokens_to_embed == 0


def test_other_chunks_whose_text_is_the_same_are_not_to_be_embedded(notes: Collection) -> None:
    figures = services.estimate(services.plan_index(notes, chunk_size=64))
    assert (figures.passages, figures.passages_to_embed, figures.is_exact) == (3, 0, True)


def test_an_estimate_of_many_documents_follows_from_a_sample(
    collection: Collection, other_profile: EmbeddingProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.estimates, "SAMPLE_DOCUMENTS", 10)
    inputs = (services.DocumentInput(key=str(number), text=f"Number {number:05}.") for number in range(200))
    list(services.save_documents(collection, inputs))
    figures = services.estimate(services.plan_index(collection, profile=other_profile))
    assert (figures.sampled, figures.documents, figures.passages, figures.is_exact) == (10, 200, 200, False)


def test_progress_counts_what_is_done_failed_and_pending(notes: Collection) -> None:
    index = services.start_rebuild(notes)
    IndexEntry.objects.filter(index=index, document__key="0").update(state=EntryState.FAILED)
    before = services.progress(index)
    assert (before.total, before.done, before.failed, before.pending, before.seconds_left) == (3, 0, 1, 2, None)
    work(index)
    after = services.progress(index)
    assert (after.done, after.pending, after.is_filled, after.seconds_left) == (2, 0, True, 0.0)
