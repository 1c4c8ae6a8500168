"""One source file, several workers: the one that holds the lease writes, and nobody else."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import override_settings

from collections_app import services, sources, sweeping
from collections_app.extraction import Extraction, extract_file
from collections_app.models import (
    Collection,
    Document,
    ExtractionState,
    ImportItem,
    ImportOrigin,
    ImportOutcome,
    SourceFile,
)
from collections_app.sources import lease, reading

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def storage(tmp_path: Path) -> Iterator[None]:
    with override_settings(MEDIA_ROOT=tmp_path):
        yield


def test_a_slow_worker_does_not_bring_back_what_newer_bytes_replaced(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    source_id = _upload(collection, "The old text.").source_file_id or 0

    def meanwhile() -> None:
        monkeypatch.undo()
        _upload(collection, "The new text.")
        assert sources.extract(source_id) == 1

    _once_read(monkeypatch, meanwhile)
    assert sources.extract(source_id) == 0
    document = Document.objects.select_related("content").get()
    assert document.text == "The new text."
    assert set(ImportItem.objects.values_list("outcome", flat=True)) == {ImportOutcome.CREATED}


def test_a_file_keeps_its_worker_however_long_its_documents_take_to_be_saved(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "LEASE", timedelta(seconds=1.5))
    monkeypatch.setattr(services.documents, "BATCH", 1)
    to_be_taken_over: list[int] = []

    def slowly(*args: Any) -> None:
        time.sleep(0.6)
        to_be_taken_over.extend(sweeping.find_work().extract)

    monkeypatch.setattr(services.documents, "record_many", slowly)
    item = _upload(collection, "".join(f'{{"text": "Row {number}"}}\n' for number in range(4)), name="rows.jsonl")
    assert sources.extract(item.source_file_id or 0) == 4
    assert to_be_taken_over == []
    assert list(SourceFile.objects.values_list("state", "attempts")) == [(ExtractionState.EXTRACTED, 1)]


def _upload(collection: Collection, text: str, name: str = "a.txt") -> ImportItem:
    act = sources.start_import(collection, origin=ImportOrigin.UPLOAD)
    return sources.store_upload(collection, content=ContentFile(text.encode()), filename=name, key=name, import_act=act)


def _once_read(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], None]) -> None:
    """Have something happen after a worker has read a file and before it saves its documents."""

    @contextmanager
    def extract_and_wait(*args: Any, **options: Any) -> Iterator[Extraction]:
        with extract_file(*args, **options) as extraction:
            meanwhile()
            yield extraction

    monkeypatch.setattr(reading, "extract_file", extract_and_wait)
