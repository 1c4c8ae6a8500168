"""Each sabotage takes effect in every process of a site, and leads to the wrong state that the suite has to notice."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from collections_app import ledger, projection, services, sweeping, sync
from collections_app.models import Collection, EntryState, IndexEntry
from collections_app.vectorstores.memory import InMemoryVectorStore
from search_app.search import SearchRequest, search
from tests.chaos.sabotage import SABOTAGES, apply, sabotaged
from tests.conftest import Drain, live_texts, save, serving_index

REPOSITORY = Path(__file__).parents[2]
SOUND, SABOTAGED = False, True


class InterruptedStore(InMemoryVectorStore):
    """A store in which something else happens between a worker's write and its answer."""

    meanwhile: Callable[[], None] | None = None
    written: list[tuple[str, Any]] = []

    def _add_batch(self, name: str, records: Any) -> None:
        super()._add_batch(name, records)
        self.written.append((name, records))
        happens, type(self).meanwhile = type(self).meanwhile, None
        if happens:
            happens()

    def write_again(self, name: str, records: Any) -> None:
        super()._upsert_batch(name, records)


@pytest.fixture
def store(db: None) -> Any:
    InterruptedStore.meanwhile, InterruptedStore.written = None, []
    with override_settings(VECTOR_STORES={"default": {"BACKEND": f"{__name__}.InterruptedStore", "OPTIONS": {}}}):
        yield InterruptedStore


def stored_ids(collection: Collection) -> set[int]:
    index = serving_index(collection)
    return set(projection.store_of(index).ids(projection.current_collection(index).name))


def live_ids(collection: Collection) -> set[int]:
    return set(serving_index(collection).chunks.filter(state="live").values_list("pk", flat=True))


@pytest.mark.parametrize("is_sabotaged", [SOUND, SABOTAGED])
def test_without_the_token_check_a_late_worker_empties_a_document(
    collection: Collection, drain: Drain, store: Any, is_sabotaged: bool
) -> None:
    save(collection, "a", "The first text.")
    drain(collection)
    save(collection, "a", "The second text.")

    def lease_is_lost() -> None:
        IndexEntry.objects.update(lease_expires_at=ledger.in_future(timedelta(seconds=-1)))
        ledger.reclaim_expired()
        sweeping.let_go()

    store.meanwhile = lease_is_lost
    _work("token-check", is_sabotaged, lambda: sync.drain(serving_index(collection).pk))
    assert live_texts(collection) == []
    drain(collection)
    assert IndexEntry.objects.get().state == EntryState.INDEXED
    assert live_texts(collection) == ([] if is_sabotaged else ["The second text."])


@pytest.mark.parametrize("is_sabotaged", [SOUND, SABOTAGED])
def test_without_the_generation_check_a_live_passage_is_missing_from_the_store(
    collection: Collection, drain: Drain, store: Any, is_sabotaged: bool
) -> None:
    save(collection, "a", "The first text.")
    drain(collection)
    save(collection, "b", "Another text.")
    index = serving_index(collection)

    def generation_is_raised() -> None:
        projection.raise_generation(index.pk, reason="test")
        sweeping.fill(index.pk)

    store.meanwhile = generation_is_raised
    _work("generation-check", is_sabotaged, lambda: sync.drain(index.pk))
    drain(collection)
    assert len(live_ids(collection)) == 2
    assert (stored_ids(collection) == live_ids(collection)) is not is_sabotaged


@pytest.mark.parametrize("is_sabotaged", [SOUND, SABOTAGED])
def test_without_the_grace_of_tombstones_a_late_write_stays_in_the_store(
    collection: Collection, drain: Drain, store: Any, is_sabotaged: bool
) -> None:
    save(collection, "a", "The first text.")
    drain(collection)
    save(collection, "a", "The second text.")
    _work("tombstone-grace", is_sabotaged, lambda: drain(collection))
    index = serving_index(collection)
    late = projection.store_of(index)
    assert isinstance(late, InterruptedStore)
    late.write_again(*store.written[0])
    with override_settings(TOMBSTONE_GRACE_SECONDS=0):
        projection.purge_tombstones(index)
    assert live_texts(collection) == ["The second text."]
    assert (stored_ids(collection) == live_ids(collection)) is not is_sabotaged


@pytest.mark.parametrize("is_sabotaged", [SOUND, SABOTAGED])
def test_without_the_live_filter_a_search_shows_what_is_no_longer_said(
    collection: Collection, drain: Drain, is_sabotaged: bool
) -> None:
    save(collection, "a", "The first text.")
    drain(collection)
    save(collection, "a", "The second text.")
    request = SearchRequest(query="The first text.", collections=(collection,))
    found: list[str] = []
    _work("live-filter", is_sabotaged, lambda: found.extend(hit.chunk.text for hit in search(request).hits))
    assert found == (["The first text."] if is_sabotaged else [])


@pytest.mark.parametrize("is_sabotaged", [SOUND, SABOTAGED])
def test_without_the_anti_join_a_document_without_an_entry_is_never_found(
    collection: Collection, drain: Drain, is_sabotaged: bool
) -> None:
    save(collection, "a", "The first text.")
    IndexEntry.objects.all().delete()
    _work("anti-join", is_sabotaged, sweeping.tidy)
    drain(collection)
    assert live_texts(collection) == ([] if is_sabotaged else ["The first text."])


@pytest.mark.parametrize("is_sabotaged", [SOUND, SABOTAGED])
def test_with_the_commit_before_the_intent_a_kill_before_the_bell_loses_an_edit(
    collection: Collection, drain: Drain, is_sabotaged: bool
) -> None:
    save(collection, "a", "The first text.")
    drain(collection)
    # Tests run inside a transaction: what follows a commit never happens here, as if the process had been killed.
    _work("commit-before-bell", is_sabotaged, lambda: save(collection, "a", "The second text."))
    sweeping.tidy()
    drain(collection)
    assert live_texts(collection) == ([] if is_sabotaged else ["The second text."])


def test_with_the_commit_before_the_intent_all_is_well_as_long_as_nothing_is_killed(
    collection: Collection, drain: Drain, django_capture_on_commit_callbacks: Any
) -> None:
    with sabotaged("commit-before-bell"):
        for text in ("The first text.", "The second text."):
            with django_capture_on_commit_callbacks(execute=True):
                save(collection, "a", text)
            drain(collection)
            assert live_texts(collection) == [text]


def test_a_sabotage_of_what_is_no_longer_there_is_an_error() -> None:
    with pytest.raises(ImproperlyConfigured, match="Choose one of"):
        apply("coffee")
    with sabotaged("anti-join"), pytest.raises(ImproperlyConfigured, match="adapt the sabotage"):
        from tests.chaos.sabotage import _rewrite

        _rewrite(services.save_document, "what is not there", "")


_ENTRIES = {
    "manage.py": "import django; django.setup()",
    "gunicorn": "import vectorsite.wsgi",
    "celery": "from vectorsite.celery import app; app.loader.import_default_modules()",
}
_REPORT = """
import json
from tests.chaos import sabotage
print(json.dumps(sorted(sabotage.rewritten)))
"""


@pytest.mark.slow
def test_each_takes_effect_in_every_kind_of_process(tmp_path: Path) -> None:
    """Six processes, started as each of the three kinds in turn, and one without sabotage."""
    expected = {
        "token-check": ["_Batch._still_wanted"],
        "generation-check": ["_Batch._still_wanted"],
        "tombstone-grace": ["remove_ids"],
        "live-filter": ["SemanticLeg._check", "_live_chunks", "live_vectors"],
        "anti-join": ["add_missing_entries"],
        "commit-before-bell": ["_Writer._insert", "_Writer._update", "_Writer._write"],
    }
    assert expected.keys() == SABOTAGES.keys()
    kinds = list(_ENTRIES.values())
    runs = [(name, kinds[place % len(kinds)]) for place, name in enumerate(expected)] + [("", kinds[0])]
    for name, entry in runs:
        run = subprocess.run(
            [sys.executable, "-c", entry + _REPORT],
            cwd=REPOSITORY,
            env={
                **os.environ,
                "VAR_DIR": str(tmp_path),
                "DJANGO_SETTINGS_MODULE": "tests.chaos.settings",
                "SABOTAGE": name,
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert json.loads(run.stdout) == expected.get(name, [])


def _work(name: str, is_sabotaged: bool, work: Callable[[], Any]) -> None:
    if is_sabotaged:
        with sabotaged(name):
            work()
    else:
        work()
