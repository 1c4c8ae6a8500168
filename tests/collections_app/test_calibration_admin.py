"""An index's page shows what was learned of meaning and words; what goes before it is set at the collection."""

import pytest
from django.test import Client
from django.utils import timezone

from collections_app import tasks
from collections_app.admin.weighing import weight_fact
from collections_app.models import Collection, TrailRecord, VectorIndex
from tests.collections_app.admin_pages import messages_of, page, text_of
from tests.conftest import serving_index

pytestmark = pytest.mark.django_db

LEARNED = {"questions": 120, "semantic": 0.512, "lexical": 0.734, "hybrid": 0.756, "weight": 0.65}


@pytest.fixture
def learned(collection: Collection) -> VectorIndex:
    VectorIndex.objects.filter(pk=serving_index(collection).pk).update(
        semantic_weight=0.65,
        calibration={"documents": 90, **LEARNED, "languages": {"zh": LEARNED | {"weight": 0.35}}},
        calibrated_at=timezone.now(),
    )
    return serving_index(collection)


def test_the_page_of_an_index_shows_what_was_learned(learned: VectorIndex, admin_client: Client) -> None:
    shown = text_of(admin_client.get(page(learned)))
    for told in ("0.512", "0.734", "0.756", "0.65", "zh", "0.35", "120", "learned from the passages"):
        assert told in shown


def test_an_index_without_a_weight_says_so(collection: Collection, admin_client: Client) -> None:
    assert "It has not been calibrated yet" in text_of(admin_client.get(page(serving_index(collection))))
    VectorIndex.objects.update(calibrated_at=timezone.now(), calibration={"documents": 3, "questions": 2})
    assert "Too few of its passages" in text_of(admin_client.get(page(serving_index(collection))))


def test_what_is_set_at_the_collection_goes_before_it(learned: VectorIndex, admin_client: Client) -> None:
    collection = learned.collection
    form = admin_client.get(page(collection)).context["adminform"].form
    data = {name: form[name].value() for name in form.fields} | {"semantic_weight": "0.2"}
    for formset in admin_client.get(page(collection)).context["inline_admin_formsets"]:
        prefix = formset.formset.prefix
        data |= {f"{prefix}-TOTAL_FORMS": 0, f"{prefix}-INITIAL_FORMS": 0}
    refused = admin_client.post(page(collection), data | {"semantic_weight": "1.5"})
    assert "less than or equal to 1" in text_of(refused)
    admin_client.post(page(collection), data)
    collection.refresh_from_db()
    assert collection.semantic_weight == 0.2
    index = serving_index(collection)
    assert (weight_fact(index).value, weight_fact(index).note) == ("0.20", "set for the collection")


def test_a_worker_is_asked_to_learn_it_anew(
    learned: VectorIndex, admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(tasks.calibrate_index, "delay", asked.append)
    chosen = {"action": "calibrate", "_selected_action": [learned.pk]}
    response = admin_client.post("/admin/collections_app/vectorindex/", chosen, follow=True)
    assert asked == [learned.pk]
    assert any("is being calibrated" in message for message in messages_of(response))
    assert TrailRecord.objects.filter(action="calibrated", object_id=learned.public_id).exists()
