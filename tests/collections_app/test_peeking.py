"""The admin shows what the vector store really holds, and what SQL says of it."""

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from collections_app import projection
from collections_app.exceptions import VectorStoreUnavailable
from collections_app.models import Chunk, Collection, VectorIndex
from collections_app.vectorstores import Record
from tests.collections_app.admin_pages import page, staff_member, text_of
from tests.conftest import Drain, save, serving_index


@pytest.fixture
def index(collection: Collection, drain: Drain) -> VectorIndex:
    save(collection, "one.txt", "The first text.")
    save(collection, "two.txt", "The second text.")
    drain(collection)
    return serving_index(collection)


def peek_url(index: VectorIndex, query: str = "") -> str:
    return reverse("admin:collections_app_vectorindex_peek", args=[index.pk]) + query


def put_stranger(index: VectorIndex) -> int:
    """Have the store hold an id that SQL does not know."""
    physical = projection.current_collection(index)
    stranger = Record(999_999, np.eye(1, index.profile.dimensions, dtype=np.float32)[0], {"colour": "red"})
    projection.store_of(index).upsert(physical.name, [stranger])
    return stranger.id


def test_records_come_with_what_sql_says_of_them(index: VectorIndex) -> None:
    stranger = put_stranger(index)
    found = {record.id: record for record in projection.peek(index, limit=10)}
    known = {chunk.pk: chunk for chunk in Chunk.objects.all()}
    assert set(found) == {*known, stranger}
    for pk, chunk in known.items():
        assert found[pk].chunk == chunk
        assert found[pk].cosine == pytest.approx(1.0, abs=1e-6)
        assert found[pk].metadata["_document"] == chunk.document_id
    assert (found[stranger].chunk, found[stranger].cosine) == (None, None)


def test_the_page_names_what_is_strange_and_what_is_missing(index: VectorIndex, admin_client: Client) -> None:
    stranger, chunk = put_stranger(index), Chunk.objects.get(document__key="one.txt")
    assert peek_url(index) in text_of(admin_client.get(page(index)))
    shown = text_of(admin_client.get(peek_url(index, f"?ids={stranger}, {chunk.pk} 7654321")))
    assert "unknown to SQL" in shown
    assert page(chunk) in shown
    assert "Not in the store: 7654321" in shown
    assert "colour" in shown
    assert "two.txt" not in shown


@pytest.mark.parametrize("ids", ["x", "1.5", "-1", "²", "9" * 30, ",".join(map(str, range(21)))])
def test_what_is_no_id_is_refused_with_its_remedy(index: VectorIndex, admin_client: Client, ids: str) -> None:
    answer = admin_client.get(peek_url(index), {"ids": ids})
    assert answer.status_code == 200
    assert answer.context["form"].errors


def test_a_store_that_does_not_answer_is_said(
    index: VectorIndex, admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_args: object, **_more: object) -> None:
        raise VectorStoreUnavailable("The vector store does not answer. Start it.")

    monkeypatch.setattr(projection.store_of(index).__class__, "newest_ids", down)
    assert "The vector store does not answer. Start it." in text_of(admin_client.get(peek_url(index)))


def test_who_may_not_read_the_collection_sees_none_of_it(index: VectorIndex) -> None:
    Collection.objects.update(visibility="private")
    client = Client()
    client.force_login(staff_member("other", "view_vectorindex"))
    assert client.get(peek_url(index)).status_code == 404
    client.force_login(staff_member("nobody"))
    assert client.get(peek_url(index)).status_code in {403, 404}
