"""Texts that no document has any more, and no chunk was cut from, go in batches; those in use stay."""

import pytest

from collections_app import services, sweeping
from collections_app.models import Chunk, Collection, Document, DocumentText, Segment
from collections_app.services import DocumentInput
from tests.conftest import Drain, serving_index

# Foreign keys are checked when a transaction ends.
pytestmark = pytest.mark.django_db(transaction=True)

COUNT = 450


def save(collection: Collection, version: str) -> None:
    documents = [
        DocumentInput(key=str(number), text=f"# {version} {number}\n\nSome text.", markup="markdown")
        for number in range(COUNT)
    ]
    assert not [saved.error for saved in services.save_documents(collection, documents) if saved.error]


def test_hundreds_of_texts_that_were_replaced_are_gone_after_a_round(collection: Collection) -> None:
    for version in ("First", "Second", "Third"):
        save(collection, version)
    rounds = 0

    def breathe() -> None:
        nonlocal rounds
        rounds += 1

    sweeping.tidy(breathe=breathe)
    assert set(DocumentText.objects.values_list("text", flat=True)) == {
        f"# Third {number}\n\nSome text." for number in range(COUNT)
    }
    assert Segment.objects.count() == COUNT
    assert rounds >= 2 * COUNT // sweeping.TEXTS_AT_ONCE


def test_a_text_that_came_into_use_meanwhile_stays_with_its_segments_and_the_others_go(
    collection: Collection, drain: Drain
) -> None:
    save(collection, "First")
    drain(collection)
    save(collection, "Second")
    old = list(DocumentText.objects.exclude(pk__in=Document.objects.values("content")).order_by("pk"))
    assert len(old) == COUNT
    kept = {old[0].pk, old[217].pk, old[-1].pk}
    Chunk.objects.filter(index=serving_index(collection)).exclude(source_text__in=kept).delete()
    # As if the chunks of these three had been staged after the sweeper had looked.
    sweeping._remove_texts([text.pk for text in old])
    left = DocumentText.objects.exclude(pk__in=Document.objects.values("content"))
    assert set(left.values_list("pk", flat=True)) == kept
    assert Segment.objects.filter(source_text__in=kept).count() == 3
