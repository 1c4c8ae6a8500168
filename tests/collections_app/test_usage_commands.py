"""What the terminal says of usage, and of what something would take."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from collections_app import accounting, services
from collections_app.models import Budget, Collection, Document, Import, SourceFile, Usage
from tests.collections_app.test_budgets import give
from tests.collections_app.test_usage import priced, used
from tests.conftest import Drain, save

pytestmark = pytest.mark.django_db


def run(name: str, *words: str) -> str:
    out = StringIO()
    call_command(name, *words, stdout=out)
    return out.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "known.txt").write_text("Known text.")
    (tmp_path / "new.txt").write_text("火车来了 and four more words 🚂 here")
    return tmp_path


def test_usage_is_told_by_profile_collection_day_and_purpose(collection: Collection, drain: Drain) -> None:
    priced(collection, "2", "EUR")
    save(collection, "a", "One two three.")
    drain(collection)
    told = json.loads(run("usage", "--by", "collection", "--collection", "notes", "--json"))
    (row,) = told["rows"]
    assert (row["collection"], row["tokens"], row["texts"], row["money"], row["currency"]) == (
        "Notes", 3, 1, "0.000006", "EUR",
    )  # fmt: skip
    assert "Notes: 3 tokens in 1 calls, 1 texts embedded, 0 found in SQL" in run("usage", "--by", "collection")
    for by in ("profile", "day", "purpose"):
        assert "3 tokens" in run("usage", "--by", by, "--collection", str(collection.public_id))


def test_usage_of_a_deleted_collection_is_found_by_its_name(collection: Collection, drain: Drain) -> None:
    save(collection, "a", "One two three.")
    drain(collection)
    services.delete_collections(Collection.objects.filter(pk=collection.pk))
    assert "3 tokens" in run("usage", "--collection", "Notes")
    with pytest.raises(CommandError, match="Nothing was embedded for that"):
        run("usage", "--collection", "Nowhere")


def test_usage_outside_of_the_days_is_left_out(collection: Collection, drain: Drain) -> None:
    save(collection, "a", "One two three.")
    drain(collection)
    assert run("usage", "--since", "2999-01-01") == "Nothing was embedded.\n"
    assert run("usage", "--until", "1999-12-31") == "Nothing was embedded.\n"
    with pytest.raises(CommandError, match="--since"):
        run("usage", "--since", "yesterday")


def test_usage_tells_how_budgets_stand(collection: Collection, drain: Drain) -> None:
    give(collection, 3)
    save(collection, "a", "One two three.")
    save(collection, "b", "Four.")
    drain(collection)
    text = run("usage")
    assert "Budget “Notes: 3 tokens in all”: " in text
    assert "1 documents wait." in text
    (budget,) = json.loads(run("usage", "--json"))["budgets"]
    assert (budget["limit"], budget["reached"], budget["waiting_documents"], budget["resumes_at"]) == (
        "3", True, 1, None,
    )  # fmt: skip


def test_an_import_is_estimated_without_keeping_anything(collection: Collection, drain: Drain, folder: Path) -> None:
    priced(collection, "1", "CNY")
    save(collection, "other", "Known text.", title="known")
    drain(collection)
    before = (used(), Document.objects.count())
    text = run("ingest", str(folder), "--collection", "notes", "--estimate")
    assert "2 documents, 2 passages" in text
    assert "tokens to embed in 1 passages, 1 found already" in text
    assert " CNY; " in text
    assert "2 files: 0 are unchanged and cost nothing, 2 were read now." in text
    assert "far off" not in text
    assert (used(), Document.objects.count()) == before
    assert not SourceFile.objects.exists()
    assert not Import.objects.exists()


def test_an_import_into_a_collection_that_is_not_there_is_estimated_too(db: Any, folder: Path) -> None:
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4\nnothing of a PDF follows")
    text = run("ingest", str(folder), "--collection", "New", "--estimate")
    assert "2 documents, 2 passages" in text
    assert "cannot be read: " in text
    assert not Collection.objects.exists()


def test_an_estimate_says_that_most_was_not_read(
    collection: Collection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collections_app.file_estimates.MOST_FILES", 1)
    text = run("ingest", str(folder), "--collection", "notes", "--estimate")
    assert "about" in text
    assert "2 files: 0 are unchanged and cost nothing, 1 were read now." in text
    assert "may be far off" in text


def test_an_estimate_names_the_budget_that_has_less_room(collection: Collection, folder: Path) -> None:
    give(collection, 2)
    text = run("ingest", str(folder), "--collection", "notes", "--estimate")
    assert "an unknown time" in text
    assert "The budget “Notes: 2 tokens in all” has room for 2 tokens only" in text
    assert Budget.objects.get().reached_at is None


def test_the_time_follows_from_what_the_profile_did_lately(collection: Collection, drain: Drain, folder: Path) -> None:
    for number in range(10):
        save(collection, str(number), " ".join(f"w{number}x{word}" for word in range(150)))
    drain(collection)
    Usage.objects.filter(purpose="p").update(milliseconds=3_000_000)
    assert accounting.pace_of(priced(collection, "0")) is not None
    text = run("ingest", str(folder), "--collection", "notes", "--estimate")
    assert "how fast this profile embedded lately" in text
