"""What is paused is tried by one process, and what a server dies of is found and dropped."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db.models.functions import Now
from django.test import override_settings

from collections_app import outages, probing, projection, services, sweeping
from collections_app.audit import audit_index
from collections_app.embeddings.hashing import MeaninglessHashEmbedder
from collections_app.exceptions import (
    EmbedderUnavailable,
    ProfileMismatch,
    VectorStoreUnavailable,
    VectorStoreWentDown,
)
from collections_app.models import Collection, EmbeddingProfile, PhysicalState, VectorStoreStatus
from collections_app.profiles import check_canary, embedder_for
from collections_app.vectorstores import load_vector_store
from collections_app.vectorstores.memory import InMemoryVectorStore
from tests.conftest import Drain, live_texts, save, serving_index

pytestmark = pytest.mark.django_db


class MortalStore(InMemoryVectorStore):
    """Dies of collections in `deadly` when they are touched, and of `unwritable` ones when they are written to."""

    deadly: set[str] = set()
    unwritable: set[str] = set()
    is_silent = False
    is_unhealthy = False
    deaths = 0

    def health(self) -> None:
        if type(self).is_unhealthy:
            raise VectorStoreWentDown("The vector store went.")

    def count(self, name: str) -> int:
        self._survive(name)
        return super().count(name)

    def _upsert_batch(self, name: str, *args: Any) -> None:
        self._survive(name, writing=True)
        super()._upsert_batch(name, *args)

    def _survive(self, name: str, *, writing: bool = False) -> None:
        if name in type(self).deadly or (writing and name in type(self).unwritable):
            type(self).deaths += 1
            raise VectorStoreWentDown("The vector store went.", collection=name, is_silent=type(self).is_silent)


class ChangeableEmbedder(MeaninglessHashEmbedder):
    """Gives other vectors while `changed` is set, under the same name and fingerprint; `down` puts it out of order."""

    changed = False
    down = False
    calls = 0

    def _embed(self, texts: list[str]) -> Any:
        type(self).calls += 1
        if type(self).down:
            raise EmbedderUnavailable("The embedder does not answer. Start it.")
        return super()._embed([text[::-1] for text in texts] if type(self).changed else texts)


@pytest.fixture(autouse=True)
def mortal(db: None) -> Iterator[type[MortalStore]]:
    MortalStore.deadly, MortalStore.unwritable, MortalStore.is_silent, MortalStore.deaths = set(), set(), False, 0
    ChangeableEmbedder.changed, ChangeableEmbedder.down, ChangeableEmbedder.calls = False, False, 0
    with override_settings(
        EMBEDDERS={**settings.EMBEDDERS, "meaningless": {"BACKEND": f"{__name__}.ChangeableEmbedder", "OPTIONS": {}}},
        VECTOR_STORES={"default": {"BACKEND": f"{__name__}.MortalStore", "OPTIONS": {}}},
    ):
        yield MortalStore


@pytest.fixture
def status() -> VectorStoreStatus:
    return outages.store_status("default")


def let_pauses_pass() -> None:
    for thing in (EmbeddingProfile, VectorStoreStatus):
        thing.objects.filter(paused_until__isnull=False).update(paused_until=Now())


def probe() -> None:
    let_pauses_pass()
    probing.probe_paused()


def name_of(collection: Collection) -> str:
    return projection.current_collection(serving_index(collection)).name


def test_the_collection_a_server_dies_of_is_dropped_and_rebuilt_and_the_others_are_kept(
    collection: Collection, drain: Drain, mortal: type[MortalStore], status: VectorStoreStatus
) -> None:
    others = [services.create_collection(f"Others {number}") for number in range(3)]
    for each in [collection, *others]:
        save(each, "a", f"Text of {each}.")
        drain(each)
    names = {each.pk: name_of(each) for each in [collection, *others]}
    mortal.deadly = {names[collection.pk]}
    save(collection, "b", "What the server dies of.")
    drain(collection)
    assert outages.is_paused(status)
    probe()
    assert mortal.deaths == 2, "the one that the first death named is touched first, and nothing else is"
    probe()
    assert mortal.deaths == 2, "it is not touched again"
    assert not outages.is_paused(status)
    assert name_of(collection) != names[collection.pk]
    assert names[collection.pk] not in {stored.name for stored in load_vector_store("default").collections()}
    assert {name_of(each) for each in others} == {names[each.pk] for each in others}
    drain(collection)
    drain(collection)
    assert sorted(live_texts(collection)) == [f"Text of {collection}.", "What the server dies of."]
    assert audit_index(serving_index(collection), deep=True).in_step


def test_a_culprit_that_nobody_named_is_found_by_touching_each(
    collection: Collection, drain: Drain, mortal: type[MortalStore], status: VectorStoreStatus
) -> None:
    other = services.create_collection("Other")
    for each in (collection, other):
        save(each, "a", "One.")
        drain(each)
    mortal.deadly = {name_of(other)}
    outages.pause(status, VectorStoreUnavailable("Nobody answers."))
    for _ in range(3):
        probe()
    assert mortal.deaths == 2
    assert serving_index(other).generation == 2
    assert serving_index(collection).generation == 1
    assert not outages.is_paused(status)


def test_one_death_by_chance_costs_no_collection(
    collection: Collection, drain: Drain, mortal: type[MortalStore], status: VectorStoreStatus
) -> None:
    save(collection, "a", "One.")
    drain(collection)
    outages.pause(status, VectorStoreWentDown("It hung up.", collection=name_of(collection)))
    probe()
    assert not outages.is_paused(status)
    save(collection, "a", "Two.")
    drain(collection)
    outages.pause(outages.store_status("default"), VectorStoreWentDown("It hung up.", collection=name_of(collection)))
    probe()
    assert not outages.is_paused(status)
    assert serving_index(collection).generation == 1, "it was written to in between, so it is no suspect any more"


def test_a_collection_that_survives_being_touched_but_not_being_written_to_is_found(
    collection: Collection, drain: Drain, mortal: type[MortalStore], status: VectorStoreStatus
) -> None:
    save(collection, "a", "One.")
    drain(collection)
    mortal.unwritable = {name_of(collection)}
    save(collection, "b", "Two.")
    drain(collection)
    probe()
    assert not outages.is_paused(status)
    drain(collection)
    probe()
    assert serving_index(collection).generation == 2
    drain(collection)
    drain(collection)
    assert sorted(live_texts(collection)) == ["One.", "Two."]


def test_a_store_that_goes_down_before_anything_is_touched_convicts_nobody(
    collection: Collection, drain: Drain, mortal: type[MortalStore], status: VectorStoreStatus
) -> None:
    save(collection, "a", "One.")
    drain(collection)
    outages.pause(status, VectorStoreWentDown("It hung up.", collection=name_of(collection)))
    mortal.is_unhealthy = True
    for _ in range(3):
        probe()
    mortal.is_unhealthy = False
    probe()
    assert not outages.is_paused(status)
    assert serving_index(collection).generation == 1


def test_a_store_that_hangs_is_started_again(
    collection: Collection, drain: Drain, mortal: type[MortalStore], status: VectorStoreStatus
) -> None:
    save(collection, "a", "One.")
    drain(collection)
    mortal.deadly, mortal.is_silent = {name_of(collection)}, True
    outages.pause(status, VectorStoreUnavailable("Nobody answers."))
    restarts: list[str] = []
    with override_settings(STORE_RESTARTERS={"default": lambda: restarts.append("default")}):
        probe()
    assert restarts == ["default"]


def test_while_the_store_is_probed_nobody_else_uses_it(
    collection: Collection, drain: Drain, status: VectorStoreStatus
) -> None:
    save(collection, "a", "One.")
    outages.pause(status, VectorStoreUnavailable("Nobody answers."))
    let_pauses_pass()
    first, second = outages.take_probe(status), outages.take_probe(status)
    assert first is not None
    assert second is None
    drain(collection)
    assert live_texts(collection) == []
    assert first.lift()
    drain(collection)
    assert live_texts(collection) == ["One."]


def test_a_store_that_answers_questions_but_no_change_is_started_again_in_the_end(
    collection: Collection, drain: Drain, status: VectorStoreStatus
) -> None:
    restarts: list[str] = []
    with override_settings(STORE_RESTARTERS={"default": lambda: restarts.append("default")}):
        for _ in range(probing.PAUSES_PER_RESTART):
            assert restarts == []
            outages.pause(outages.store_status("default"), VectorStoreUnavailable("database is locked"))
            probe()
        assert restarts == ["default"]
        assert outages.is_paused(status)
        probe()
        assert restarts == ["default"]
        assert not outages.is_paused(status)


def test_a_pause_that_was_renewed_during_the_probe_is_not_lifted(status: VectorStoreStatus) -> None:
    outages.pause(status, VectorStoreUnavailable("Nobody answers."))
    let_pauses_pass()
    taken = outages.take_probe(status)
    assert taken is not None
    outages.pause(status, VectorStoreUnavailable("Nobody answers again."))
    assert not taken.extend()
    assert not taken.lift()
    status.refresh_from_db()
    assert status.pause_reason == "Nobody answers again."


def test_a_collection_found_lost_by_the_probe_is_rebuilt(
    collection: Collection, drain: Drain, status: VectorStoreStatus
) -> None:
    save(collection, "a", "One.")
    drain(collection)
    load_vector_store("default").drop(name_of(collection))
    outages.pause(status, VectorStoreUnavailable("Nobody answers."))
    probe()
    assert not outages.is_paused(status)
    sweeping.fill(serving_index(collection).pk)
    physical = projection.current_collection(serving_index(collection))
    assert (physical.generation, physical.state) == (2, PhysicalState.READY)


def test_a_model_that_changed_behind_its_name_is_found_and_no_longer_used(collection: Collection, drain: Drain) -> None:
    save(collection, "a", "One.")
    drain(collection)
    ChangeableEmbedder.changed = True
    EmbeddingProfile.objects.update(canary_checked_at=None)
    probing.compare_canaries()
    profile = EmbeddingProfile.objects.get()
    assert profile.changed_at is not None
    assert "Put the old model back" in profile.pause_reason
    with pytest.raises(ProfileMismatch):
        embedder_for(profile)
    save(collection, "a", "Two.")
    drain(collection)
    assert live_texts(collection) == []
    ChangeableEmbedder.changed = False
    probe()
    drain(collection)
    assert live_texts(collection) == ["Two."]
    assert EmbeddingProfile.objects.get().changed_at is None


def test_canaries_are_compared_by_one_process_and_not_in_every_sweep(collection: Collection) -> None:
    ChangeableEmbedder.calls = 0
    probing.compare_canaries()
    probing.compare_canaries()
    assert ChangeableEmbedder.calls == 1


def test_an_embedder_that_stays_down_is_asked_ever_more_seldom(collection: Collection) -> None:
    profile = EmbeddingProfile.objects.get()
    ChangeableEmbedder.down = True
    with pytest.raises(EmbedderUnavailable):
        check_canary(profile)
    outages.pause(profile, EmbedderUnavailable("The embedder does not answer."))
    for pauses in (2, 3, 4):
        probe()
        profile.refresh_from_db()
        assert profile.pauses == pauses
        assert profile.paused_until is not None
    ChangeableEmbedder.down = False
    probe()
    profile.refresh_from_db()
    assert (profile.paused_until, profile.pauses) == (None, 4), "it counts until work went well"
    outages.note_success(profile)
    profile.refresh_from_db()
    assert profile.pauses == 0


def test_a_crash_that_the_supervisor_reports_and_an_outage_are_noted(tmp_path: Path, status: VectorStoreStatus) -> None:
    report = tmp_path / "chroma.crashed"
    with override_settings(STORE_CRASH_REPORTS={"default": report}):
        probing.note_crashes()
        status.refresh_from_db()
        assert status.went_down_at is None
        report.touch()
        probing.note_crashes()
        status.refresh_from_db()
        assert status.went_down_at is not None
        assert not report.exists()
    VectorStoreStatus.objects.update(went_down_at=None)
    outages.pause(status, VectorStoreUnavailable("Nobody answers."))
    status.refresh_from_db()
    assert status.went_down_at is not None
