"""Vectors that nothing refers to are kept for a day and then removed; those that equal texts share stay."""

from datetime import timedelta

import pytest
from django.utils import timezone

from collections_app import sweeping
from collections_app.models import Chunk, ChunkState, Collection, Document, Embedding, EntryState, IndexEntry
from collections_app.vectors import sweep_unused_vectors
from tests.conftest import Drain, save

pytestmark = pytest.mark.django_db


def age_all(*, days: float) -> None:
    Embedding.objects.update(last_used_at=timezone.now() - timedelta(days=days))


def purge(collection: Collection) -> None:
    """Let the rows of retired chunks go, as they do when the store has let go of them twice."""
    for _ in range(2):
        sweeping.let_go()
        Chunk.objects.filter(state=ChunkState.RETIRED).update(removed_at=timezone.now() - timedelta(days=1))
        sweeping.tidy()


def test_a_vector_is_swept_when_nothing_has_used_it_for_a_day(collection: Collection, drain: Drain) -> None:
    document = save(collection, "a", "Cats purr.")
    drain(collection)
    age_all(days=2)
    sweeping.tidy()
    assert Embedding.objects.count() == 1
    Document.objects.filter(pk=document.pk).delete()
    purge(collection)
    assert Embedding.objects.count() == 0


def test_a_vector_that_was_used_lately_stays_for_who_comes_back(collection: Collection, drain: Drain) -> None:
    document = save(collection, "a", "Cats purr.")
    drain(collection)
    Document.objects.filter(pk=document.pk).delete()
    purge(collection)
    age_all(days=0.9)
    assert sweep_unused_vectors() == 0
    age_all(days=1.1)
    assert sweep_unused_vectors() == 1


def test_equal_texts_share_a_vector_until_the_last_of_them_is_gone(collection: Collection, drain: Drain) -> None:
    one, other = save(collection, "a", "The same text."), save(collection, "b", "The same text.")
    drain(collection)
    assert (Embedding.objects.count(), Chunk.objects.values("embedding").distinct().count()) == (1, 1)
    Document.objects.filter(pk=one.pk).delete()
    age_all(days=2)
    purge(collection)
    assert Embedding.objects.count() == 1
    Document.objects.filter(pk=other.pk).delete()
    purge(collection)
    assert Embedding.objects.count() == 0


def test_what_a_document_has_waited_for_as_long_is_kept_until_it_is_indexed(
    collection: Collection, drain: Drain
) -> None:
    save(collection, "a", "Cats purr.")
    drain(collection)
    Document.objects.all().delete()
    purge(collection)
    waiting = save(collection, "b", "Cats purr.")
    age_all(days=3)
    for state in (EntryState.PENDING, EntryState.FAILED):
        IndexEntry.objects.filter(document=waiting).update(state=state, wanted_at=timezone.now() - timedelta(days=2))
        assert sweep_unused_vectors() == 0
    IndexEntry.objects.filter(document=waiting).update(wanted_at=timezone.now())
    assert sweep_unused_vectors() == 1
