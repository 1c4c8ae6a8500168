"""One field of many documents is changed at once: by the service, and by the admin's action."""

from typing import Any

import pytest
from django.test import Client

from collections_app import fields, services
from collections_app.exceptions import InvalidMetadata
from collections_app.metadata import FieldSpec, FieldType
from collections_app.models import Collection, Document, Embedding, MetadataField, MetadataValue, TrailRecord, User
from collections_app.services import Operation
from tests.collections_app.admin_pages import messages_of, run_action, staff_member, text_of
from tests.conftest import Drain, save, serving_index

pytestmark = pytest.mark.django_db


@pytest.fixture
def library(collection: Collection, drain: Drain) -> Collection:
    fields.declare_as(
        collection,
        [
            FieldSpec(name="year", type=FieldType.INTEGER),
            FieldSpec(name="tags", type=FieldType.TEXT, is_list=True),
            FieldSpec(name="about.author", type=FieldType.TEXT),
        ],
    )
    save(collection, "a", "First text.", metadata={"year": 1999, "tags": ["old", "Straße"], "about": {"author": "Li"}})
    save(collection, "b", "Second text.", metadata={"tags": ["new"], "unknown": {"kept": [1, 2]}})
    drain(collection)
    return collection


def field(name: str) -> MetadataField:
    return MetadataField.objects.get(source_name=name)


def change(name: str, operation: Operation, *raw: str) -> int:
    return services.change_field(Document.objects.alive(), field(name), operation, raw, user=None)


def metadata() -> dict[str, Any]:
    return dict(Document.objects.alive().values_list("key", "metadata"))


def values(name: str) -> list[tuple[str, Any]]:
    rows = MetadataValue.objects.filter(field__source_name=name).order_by("document__key", "position")
    return [(row.document.key, row.value) for row in rows]


def test_a_field_is_set_and_what_else_documents_carry_stays(library: Collection, drain: Drain) -> None:
    embeddings = Embedding.objects.count()
    assert change("year", Operation.SET, "2024") == 2
    assert metadata() == {
        "a": {"year": "2024", "tags": ["old", "Straße"], "about": {"author": "Li"}},
        "b": {"year": "2024", "tags": ["new"], "unknown": {"kept": [1, 2]}},
    }
    assert values("year") == [("a", 2024), ("b", 2024)]
    assert values("tags") == [("a", "old"), ("a", "Straße"), ("b", "new")]
    drain(library)
    assert not serving_index(library).entries.exclude(state="indexed").exists()
    assert Embedding.objects.count() == embeddings
    assert TrailRecord.objects.filter(action="updated").count() >= 2


def test_values_are_added_once_and_taken_away(library: Collection) -> None:
    assert change("tags", Operation.ADD, "old", "标签") == 2
    assert [metadata()[key]["tags"] for key in "ab"] == [["old", "Straße", "标签"], ["new", "old", "标签"]]
    assert change("tags", Operation.REMOVE, "old", "new") == 2
    assert [metadata()[key]["tags"] for key in "ab"] == [["Straße", "标签"], ["标签"]]
    assert change("tags", Operation.REMOVE, "标签") == 2
    assert "tags" not in metadata()["b"]


def test_a_nested_field_is_changed_where_it_is(library: Collection) -> None:
    assert change("about.author", Operation.SET, "Wang") == 2
    assert metadata()["a"]["about"] == {"author": "Wang"}
    assert values("about.author") == [("a", "Wang"), ("b", "Wang")]
    assert change("about.author", Operation.CLEAR) == 2
    assert values("about.author") == []


def test_what_changes_nothing_writes_nothing(library: Collection) -> None:
    before = dict(Document.objects.values_list("key", "revision"))
    assert change("tags", Operation.REMOVE, "never there") == 0
    assert dict(Document.objects.values_list("key", "revision")) == before


@pytest.mark.parametrize(
    ("name", "operation", "raw", "told"),
    [
        ("year", Operation.SET, ("soon",), "does not take"),
        ("year", Operation.ADD, ("2001",), "holds one value"),
        ("year", Operation.SET, (), "Give a value"),
        ("tags", Operation.SET, ("x" * 501,), "shorten it"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(
    library: Collection, name: str, operation: Operation, raw: tuple[str, ...], told: str
) -> None:
    before = metadata()
    with pytest.raises(InvalidMetadata, match=told):
        change(name, operation, *raw)
    assert metadata() == before


def test_the_admin_asks_then_changes_the_selected_documents(library: Collection, admin_client: Client) -> None:
    one = [Document.objects.get(key="b")]
    asked = run_action(admin_client, Document, "change_field", one)
    assert "A field of 1 document of" in text_of(asked)
    chosen = {"field": field("tags").pk, "operation": "add", "values": "rare\n\nsigned"}
    done = run_action(admin_client, Document, "change_field", one, **chosen)
    assert messages_of(done) == ["1 document was changed."]
    assert (metadata()["a"]["tags"], metadata()["b"]["tags"]) == (["old", "Straße"], ["new", "rare", "signed"])


def test_the_admin_says_what_does_not_fit_and_keeps_the_selection(library: Collection, admin_client: Client) -> None:
    rows = list(Document.objects.all())
    chosen = {"field": field("year").pk, "operation": "set", "values": "soon"}
    refused = run_action(admin_client, Document, "change_field", rows, **chosen)
    assert "does not take" in text_of(refused)
    assert [text_of(refused).count(f'name="_selected_action" value="{row.pk}"') for row in rows] == [1, 1]


def test_documents_of_two_collections_have_no_fields_in_common(library: Collection, admin_client: Client) -> None:
    save(services.create_collection("Other"), "c", "Third text.")
    response = run_action(admin_client, Document, "change_field", list(Document.objects.all()))
    assert messages_of(response) == ["Fields belong to a collection: select documents of one that you may write to."]


def test_who_may_not_write_changes_nothing(library: Collection, client: Client) -> None:
    reader: User = staff_member("reader", "change_document", "view_document")
    client.force_login(reader)
    chosen = {"field": field("year").pk, "operation": "set", "values": "2024"}
    run_action(client, Document, "change_field", list(Document.objects.all()), **chosen)
    assert values("year") == [("a", 1999)]
