"""What a store holds that went down is compared deeply, once, and mended."""

import pytest

from collections_app import audit, outages, services, tasks
from collections_app.exceptions import VectorStoreUnavailable, VectorStoreWentDown
from collections_app.models import Chunk, ChunkState, Collection, IndexAudit
from collections_app.projection import current_collection, store_of
from tests.conftest import Drain, save, serving_index

pytestmark = pytest.mark.django_db


@pytest.fixture
def two(collection: Collection, drain: Drain) -> list[Collection]:
    both = [collection, services.create_collection("Other")]
    for each in both:
        for number in range(5):
            save(each, str(number), f"Text {number} of {each}.")
        drain(each)
    return both


def test_each_of_its_indexes_is_compared_deeply_once(two: list[Collection]) -> None:
    assert audit.due() is None
    outages.note_crash(outages.store_status("default"))
    tasks.audit_due()
    assert audit.due() is None
    done = IndexAudit.objects.filter(deep=True, in_step=True)
    assert set(done.values_list("index", flat=True)) == {serving_index(each).pk for each in two}


def test_what_was_lost_silently_is_mended(two: list[Collection]) -> None:
    index = serving_index(two[0])
    live = list(Chunk.objects.filter(index=index, state=ChunkState.LIVE).values_list("pk", flat=True))
    store_of(index).delete(current_collection(index).name, live[:1])
    outages.note_crash(outages.store_status("default"))
    tasks.audit_due()
    assert sorted(store_of(index).ids(current_collection(index).name)) == sorted(live)


def test_a_collection_that_is_gone_is_given_a_new_generation(two: list[Collection]) -> None:
    index = serving_index(two[0])
    store_of(index).drop(current_collection(index).name)
    outages.note_crash(outages.store_status("default"))
    tasks.audit_due()
    assert serving_index(two[0]).generation == 2
    assert serving_index(two[1]).generation == 1


def test_a_store_that_is_paused_is_left_to_its_prober(two: list[Collection]) -> None:
    outages.pause(outages.store_status("default"), VectorStoreUnavailable("Nobody answers."))
    assert audit.due() is None
    outages.resume(outages.store_status("default"))
    assert audit.due() is not None


def test_an_audit_that_could_not_be_finished_is_no_proof(two: list[Collection]) -> None:
    outages.note_crash(outages.store_status("default"))
    first = audit.due()
    assert first is not None
    IndexAudit.objects.create(index_id=first[0], deep=True, started_at="2126-01-01T00:00Z", error="It hung up.")
    IndexAudit.objects.update(finished_at="2126-01-01T00:01Z")
    tasks.audit_due()
    proved = IndexAudit.objects.filter(deep=True, in_step=True).values_list("index", flat=True)
    assert set(proved) == {serving_index(each).pk for each in two}


def test_one_that_is_only_slow_has_lost_nothing(two: list[Collection]) -> None:
    status = outages.store_status("default")
    outages.pause(status, VectorStoreWentDown("It was silent.", is_silent=True))
    outages.resume(status)
    assert audit.due() is None
