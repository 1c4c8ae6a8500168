"""A table is looked at before it is imported: what its columns hold, what they become, and what does not fit."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from collections_app import fields, services, sources, table_import
from collections_app.exceptions import InvalidImport
from collections_app.metadata import FieldSpec, FieldType
from collections_app.models import Collection, Document, Import, MetadataField, SourceFile, User
from collections_app.table_import import Role
from tests.collections_app.admin_pages import messages_of, page, staff_member, text_of

TABLE = reverse("admin:collections_app_sourcefile_table")
FILMS = (
    "title,year,genre,plot,code\n"
    "Dune,2021,Drama,Sand and spice on a far planet.,007\n"
    "功夫,2004,Comedy,一个小混混想加入斧头帮。,012\n"
    "Alien,1979,,In space no one can hear you scream 👽.,100\n"
)


def csv(text: str = FILMS, name: str = "films.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text.encode())


def look(tmp_path: Path, text: str, name: str = "films.csv") -> table_import.Table:
    path = tmp_path / "bytes"
    path.write_text(text)
    return table_import.look_at(path, filename=name)


def first_step(client: Client, **data: Any) -> Any:
    return client.post(TABLE, {"table": csv()} | data)


def second_step(client: Client, first: Any, **chosen: str) -> Any:
    """Send the form of columns as it was proposed, but for what is chosen otherwise."""
    form = first.context["form"]
    data = {name: form[name].value() for name in form.fields}
    return client.post(TABLE, data | chosen)


def test_a_look_at_a_table_tells_types_and_roles(tmp_path: Path) -> None:
    table = look(tmp_path, FILMS)
    assert table.rows == 3
    assert table.failures == ()
    assert [(column.name, column.proposed, column.filled) for column in table.columns] == [
        ("title", Role.TITLE, 3),
        ("year", Role.FIELD, 3),
        ("genre", Role.FIELD, 2),
        ("plot", Role.TEXT, 3),
        ("code", Role.FIELD, 3),
    ]
    types = {column.name: column.spec and column.spec.type for column in table.columns}
    assert types["year"] is FieldType.INTEGER
    assert types["code"] is FieldType.TEXT, "a leading zero is no number's"


def test_json_lines_show_lists_nested_values_and_broken_lines(tmp_path: Path) -> None:
    rows = [{"text": "One.", "tags": ["a", "b"], "about": {"author": "Li"}}, {"text": "Two.", "tags": []}]
    table = look(tmp_path, "\n".join([*map(json.dumps, rows), "{broken"]), name="notes.jsonl")
    tags, about = (next(column for column in table.columns if column.name == name) for name in ("tags", "about"))
    assert tags.spec == FieldSpec(name="tags", type=FieldType.TEXT, is_list=True)
    assert about.spec is None
    assert table.rows == 2
    assert table.failures[0].startswith("row-3: It is no valid JSON")


@pytest.mark.parametrize("text", ["Only prose, no table.", "# Heading\n\nProse."])
def test_what_is_no_table_is_refused_with_a_remedy(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidImport, match="Upload it as a file instead"):
        look(tmp_path, text, name="prose.md")


def test_a_table_is_imported_as_its_columns_were_chosen(
    admin_client: Client, admin_user: User, collection: Collection
) -> None:
    first = first_step(admin_client, collection=collection.pk)
    assert "Sand and spice" in text_of(first)
    assert not Document.objects.exists()
    # year stays a whole number; the code is left out and the genre is not.
    response = second_step(admin_client, first, role_4=Role.LEFT_OUT.value)
    import_act = Import.objects.get()
    assert (response.status_code, response.url) == (303, page(import_act))
    sources.extract(SourceFile.objects.get().pk)
    found = {document.title: document.metadata for document in Document.objects.all()}
    assert found == {
        "Dune": {"year": "2021", "genre": "Drama"},
        "功夫": {"year": "2004", "genre": "Comedy"},
        "Alien": {"year": "1979"},
    }
    declared = dict(MetadataField.objects.filter(collection=collection).values_list("name", "type"))
    assert declared == {"year": FieldType.INTEGER, "genre": FieldType.TEXT}


def test_what_a_table_would_take_is_told_and_nothing_is_kept(admin_client: Client) -> None:
    first = first_step(admin_client, new_collection="Films")
    told = second_step(admin_client, first, estimate="1")
    facts = {str(fact.label): str(fact.value) for fact in told.context["parts"]["facts"]}
    assert (facts["Documents"], facts["Passages to embed"]) == ("3", "3")
    assert not Import.objects.exists()
    assert not Collection.objects.filter(name="Films").exists()
    assert second_step(admin_client, told).status_code == 303


def test_a_new_collection_is_made_when_the_table_is_taken_and_not_before(admin_client: Client) -> None:
    first = first_step(admin_client, new_collection="电影", visibility="private")
    assert not Collection.objects.filter(name="电影").exists()
    second_step(admin_client, first)
    made = Collection.objects.get(name="电影")
    assert made.visibility == "private"
    assert Import.objects.get().collection == made


def test_cells_with_several_values_become_lists(admin_client: Client, collection: Collection) -> None:
    rows = ['Dune,Sand.,Drama; SciFi,"Lynch, D."', 'Alien,Space.,SciFi;,"Scott, R."', "Heat,City.,Crime;Drama,"]
    text = "\n".join(["title,text,genres,cast", *rows])
    first = first_step(admin_client, collection=collection.pk, table=csv(text))
    proposed = {column.name: column.separator for column in first.context["table"].columns}
    assert proposed == {"title": "", "text": "", "genres": ";", "cast": ""}
    second_step(admin_client, first)
    sources.extract(SourceFile.objects.get().pk)
    found = {document.title: document.metadata.get("genres") for document in Document.objects.all()}
    assert found == {"Dune": ["Drama", "SciFi"], "Alien": ["SciFi"], "Heat": ["Crime", "Drama"]}
    assert dict(MetadataField.objects.values_list("name", "is_list")) == {"genres": True, "cast": False}
    # The same table again, read in the same way, is unchanged.
    second_step(admin_client, first_step(admin_client, collection=collection.pk, table=csv(text)))
    assert Import.objects.latest("pk").items.get().outcome == "unchanged"


def test_a_type_that_values_do_not_have_is_refused_and_nothing_is_taken(
    admin_client: Client, collection: Collection
) -> None:
    first = first_step(admin_client, collection=collection.pk)
    response = second_step(admin_client, first, type_2=FieldType.DATE.value)
    assert response.status_code == 200
    assert "2 rows hold something else" in text_of(response)
    assert not Import.objects.exists()
    assert not MetadataField.objects.exists()


def test_a_field_that_is_declared_already_keeps_its_type_and_says_what_does_not_fit(
    admin_client: Client, collection: Collection
) -> None:
    fields.declare_as(collection, [FieldSpec(name="genre", type=FieldType.INTEGER)])
    first = first_step(admin_client, collection=collection.pk)
    assert "type_2" not in first.context["form"].fields
    response = second_step(admin_client, first)
    assert "2 rows hold something else" in text_of(response)
    assert not Import.objects.exists()


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({"role_3": Role.LEFT_OUT.value}, "Say which column holds the text"),
        ({"role_1": Role.TITLE.value}, "Only one column can be the title"),
        ({"role_1": Role.KEY.value, "role_4": Role.KEY.value}, "Only one column can be the key"),
    ],
)
def test_a_choice_that_makes_no_documents_is_explained(
    admin_client: Client, collection: Collection, chosen: dict[str, str], told: str
) -> None:
    response = second_step(admin_client, first_step(admin_client, collection=collection.pk), **chosen)
    assert told in text_of(response)
    assert not Import.objects.exists()


def test_what_was_held_is_not_believed_when_it_was_altered(admin_client: Client, collection: Collection) -> None:
    first = first_step(admin_client, collection=collection.pk)
    response = second_step(admin_client, first, held="forged")
    assert (response.status_code, response.url) == (303, TABLE)
    assert messages_of(response) == ["The uploaded table is no longer kept. Choose the file again."]


def test_only_collections_that_may_be_written_to_take_a_table(client: Client, collection: Collection) -> None:
    writer = staff_member("writer", "add_sourcefile", "view_sourcefile")
    own = services.create_collection("Own", user=writer)
    client.force_login(writer)
    assert first_step(client, collection=own.pk).context["table"].rows == 3
    response = first_step(client, collection=collection.pk)
    assert "collection" in response.context["form"].errors
    assert "new_collection" not in response.context["form"].fields
    client.force_login(staff_member("guest", "view_sourcefile"))
    assert first_step(client, collection=collection.pk).status_code == 403


def test_a_damaged_table_says_so_at_its_file(admin_client: Client, collection: Collection) -> None:
    response = first_step(admin_client, collection=collection.pk, table=csv("", name="empty.csv"))
    assert "empty" in str(response.context["form"].errors["table"])
