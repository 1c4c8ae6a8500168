"""Files in, documents out: what becomes of a source file and of what it held before."""

from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.test import override_settings

from collections_app import services, sources
from collections_app.extraction import Extraction, TableMapping
from collections_app.models import (
    Collection,
    Document,
    ExtractionState,
    ImportItem,
    ImportOrigin,
    ImportOutcome,
    MetadataField,
    SourceFile,
)
from collections_app.sources import deletion, reading

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def storage(tmp_path: Path) -> object:
    with override_settings(MEDIA_ROOT=tmp_path):
        yield


def take(collection: Collection, name: str, content: str | bytes, mapping: TableMapping | None = None) -> ImportItem:
    """Upload a file and do the worker's part at once."""
    raw = content.encode() if isinstance(content, str) else content
    act = sources.start_import(collection, origin=ImportOrigin.UPLOAD)
    item = sources.store_upload(
        collection, content=ContentFile(raw), filename=name, key=name, import_act=act, mapping=mapping
    )
    if item.source_file_id:
        sources.extract(item.source_file_id)
    item.refresh_from_db()
    return item


def keys() -> list[str]:
    return sorted(Document.objects.alive().values_list("key", flat=True))


def test_a_markdown_file_becomes_a_document_with_its_headings(collection: Collection) -> None:
    item = take(collection, "cats.md", "# Cats\n\nThey purr.\n\n## Food\n\nFish.")
    document = Document.objects.get()
    assert (item.outcome, item.created) == (ImportOutcome.CREATED, 1)
    assert (document.key, document.title) == ("cats.md", "Cats")
    assert document.content is not None
    assert list(document.content.segments.values_list("label", flat=True)) == ["Cats", "Food"]
    assert document.source_file is not None
    assert document.source_file.state == ExtractionState.EXTRACTED


def test_the_same_bytes_again_are_unchanged_and_not_even_read(collection: Collection) -> None:
    take(collection, "a.txt", "Some text.")
    again = take(collection, "a.txt", "Some text.")
    assert (again.outcome, again.unchanged) == (ImportOutcome.UNCHANGED, 1)
    assert Document.objects.get().revision == 1
    assert SourceFile.objects.get().state == ExtractionState.EXTRACTED


def test_new_bytes_update_the_document(collection: Collection) -> None:
    take(collection, "a.txt", "Some text.")
    item = take(collection, "a.txt", "Other text.")
    assert (item.outcome, item.updated) == (ImportOutcome.UPDATED, 1)
    assert Document.objects.get().text == "Other text."


def test_a_file_that_cannot_be_read_is_seen_with_its_reason_and_keeps_its_old_text(collection: Collection) -> None:
    take(collection, "a.pdf", b"%PDF-1.4 this is not a PDF")
    assert not Document.objects.exists()
    source = SourceFile.objects.get()
    assert source.state == ExtractionState.FAILED
    assert source.error
    take(collection, "b.txt", "Good text.")
    failed = take(collection, "b.txt", b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 4)
    assert failed.outcome == ImportOutcome.FAILED
    assert failed.reason
    assert Document.objects.get().text == "Good text."


def test_a_failed_file_is_reported_again_and_may_be_retried(collection: Collection) -> None:
    take(collection, "a.txt", "")
    again = take(collection, "a.txt", "")
    assert (again.outcome, bool(again.reason)) == (ImportOutcome.FAILED, True)
    assert sources.retry_sources(SourceFile.objects.all()) == 1
    assert SourceFile.objects.get().state == ExtractionState.PENDING


def test_the_rows_of_a_table_become_documents_with_typed_fields(collection: Collection) -> None:
    rows = "id,title,text,year\nm1,First,One text.,1999\nm2,Second,Two text.,2001\n"
    mapping = TableMapping(text_fields=("text",), title_field="title", key_field="id")
    item = take(collection, "movies.csv", rows, mapping)
    assert (item.outcome, item.created) == (ImportOutcome.CREATED, 2)
    assert keys() == ["m1", "m2"]
    year = MetadataField.objects.get(name="year")
    assert (year.type, year.label) == ("integer", "Year")
    assert set(year.values.values_list("integer", flat=True)) == {1999, 2001}


def test_rows_of_two_files_with_the_same_ids_do_not_collide(collection: Collection) -> None:
    for name in ("one.csv", "two.csv"):
        take(collection, name, "id,text\n1,Text of one row.\n2,Text of another.\n")
    assert len(keys()) == 4


def test_a_row_that_vanishes_from_its_file_is_deleted(collection: Collection) -> None:
    take(collection, "t.csv", "id,text\n1,One text.\n2,Two text.\n")
    item = take(collection, "t.csv", "id,text\n2,Two text.\n")
    assert (item.outcome, item.removed, item.unchanged) == (ImportOutcome.UPDATED, 1, 1)
    assert len(keys()) == 1


def test_a_row_that_does_not_fit_fails_alone_and_keeps_its_older_version(collection: Collection) -> None:
    take(collection, "t.csv", "id,text,year\n1,One text.,1999\n2,Two text.,2000\n")
    item = take(collection, "t.csv", "id,text,year\n1,One text.,long ago\n2,Two new text.,2000\n")
    assert (item.failed, item.updated) == (1, 1)
    (failure,) = ImportItem.objects.filter(import_act=item.import_act, outcome=ImportOutcome.FAILED)
    assert "year" in failure.reason
    assert len(keys()) == 2
    assert sorted(document.text for document in Document.objects.all()) == ["One text.", "Two new text."]


def test_a_column_that_does_not_exist_is_an_error_that_lists_those_that_do(collection: Collection) -> None:
    item = take(collection, "t.csv", "id,text\n1,One.\n", TableMapping(text_fields=("body",)))
    assert item.outcome == ImportOutcome.FAILED
    assert "body" in item.reason
    assert "text" in item.reason


def test_equal_bytes_are_stored_once(collection: Collection, tmp_path: Path) -> None:
    take(collection, "a.txt", "Same text.")
    take(collection, "b.txt", "Same text.")
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1
    assert keys() == ["a.txt", "b.txt"]


def test_a_worker_that_dies_while_reading_again_and_again_fails_the_file(collection: Collection) -> None:
    act = sources.start_import(collection, origin=ImportOrigin.UPLOAD)
    item = sources.store_upload(collection, content=ContentFile(b"text"), filename="a.txt", key="a.txt", import_act=act)
    SourceFile.objects.update(attempts=reading.MAX_ATTEMPTS)
    assert item.source_file_id is not None
    sources.extract(item.source_file_id)
    source = SourceFile.objects.get()
    assert (source.state, source.error_code) == (ExtractionState.FAILED, "crashed")


def test_a_document_edited_by_hand_stays_when_its_unchanged_file_comes_again(collection: Collection) -> None:
    take(collection, "a.txt", "Text of the file.")
    services.save_document(collection, services.DocumentInput(key="a.txt", text="Text by hand."))
    take(collection, "a.txt", "Text of the file.")
    assert Document.objects.get().text == "Text by hand."


def test_a_deleted_file_takes_its_documents_along_and_comes_back_with_the_next_upload(collection: Collection) -> None:
    take(collection, "a.txt", "Text of a.")
    take(collection, "b.txt", "Text of b.")
    assert sources.delete_sources(SourceFile.objects.filter(key="a.txt")) == 1
    assert keys() == ["b.txt"]
    assert not SourceFile.objects.filter(key="a.txt").exists()
    assert ImportItem.objects.get(key="a.txt").outcome == ImportOutcome.CREATED
    take(collection, "a.txt", "Text of a.")
    assert keys() == ["a.txt", "b.txt"]


def test_a_file_that_failed_can_be_deleted(collection: Collection) -> None:
    take(collection, "broken.pdf", b"%PDF-1.4 broken")
    assert sources.delete_sources(SourceFile.objects.all()) == 1
    assert not SourceFile.objects.exists()


def test_a_file_that_is_deleted_while_it_is_read_brings_nothing_back(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = reading._save

    def deleted_meanwhile(source: SourceFile, extraction: Extraction) -> object:
        sources.delete_sources(SourceFile.objects.all())
        return save(source, extraction)

    monkeypatch.setattr(reading, "_save", deleted_meanwhile)
    item = take(collection, "a.txt", "Text of a.")
    assert keys() == []
    assert (item.outcome, item.reason) == (ImportOutcome.FAILED, "The file was deleted before it was read.")


def test_a_file_that_is_given_new_bytes_while_it_is_deleted_stays(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(collection, "a.txt", "Text of a.")
    hold = deletion.hold

    def given_new_bytes(source: SourceFile) -> None:
        monkeypatch.setattr(deletion, "hold", hold)
        take(collection, "a.txt", "Newer text of a.")
        hold(source)

    monkeypatch.setattr(deletion, "hold", given_new_bytes)
    assert sources.delete_sources(SourceFile.objects.all()) == 0
    assert SourceFile.objects.get().state == ExtractionState.EXTRACTED
    assert keys() == ["a.txt"]
