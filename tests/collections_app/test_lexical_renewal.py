"""Words that another version of the analysis found are found anew in the background, and answers say so until then."""

import pytest

from collections_app import audit, lexical_segments, services, sweeping
from collections_app.lexical import ANALYZER_VERSION
from collections_app.lexical_reading import search_words
from collections_app.models import Collection, LexicalRow, LexicalSegment, LexicalTombstone, VectorIndex
from search_app.degradation import Code
from search_app.search import Mode, SearchRequest, search
from tests.conftest import Drain, serving_index

pytestmark = pytest.mark.django_db


@pytest.fixture
def older(collection: Collection, drain: Drain, monkeypatch: pytest.MonkeyPatch) -> VectorIndex:
    """An index of which all rows, some merged, were made by an older analysis, which knew other words."""
    monkeypatch.setattr(lexical_segments, "ROWS_PER_SEGMENT", 3)
    rows = [services.DocumentInput(key=str(number), text=f"Green tea, number {number}") for number in range(10)]
    list(services.save_documents(collection, rows))
    drain(collection)
    lexical_segments.rebuild(serving_index(collection).pk)
    LexicalRow.objects.update(analyzer_version=ANALYZER_VERSION - 1, terms=b"", length=1)
    lexical_segments.keep_up(serving_index(collection).pk)
    VectorIndex.objects.update(analyzer_version=ANALYZER_VERSION - 1)
    return serving_index(collection)


def codes(collection: Collection, mode: Mode) -> list[Code]:
    response = search(SearchRequest(query="green tea", collections=(collection,), mode=mode))
    return [reason.code for reason in response.degraded]


def test_new_indexes_are_of_todays_version(collection: Collection) -> None:
    assert serving_index(collection).analyzer_version == ANALYZER_VERSION
    assert services.start_rebuild(collection).analyzer_version == ANALYZER_VERSION


def test_older_words_are_found_anew_and_answers_say_so_until_then(older: VectorIndex) -> None:
    assert len(search_words(older.pk, "tea")) == 0
    assert codes(older.collection, Mode.HYBRID) == [Code.WORDS_RENEWED]
    assert codes(older.collection, Mode.SEMANTIC) == []
    sweeping.tidy()
    sweeping.tidy()
    older.refresh_from_db()
    assert older.analyzer_version == ANALYZER_VERSION
    assert len(search_words(older.pk, "tea")) == 10
    assert set(LexicalRow.objects.values_list("analyzer_version", flat=True)) == {ANALYZER_VERSION}
    assert LexicalSegment.objects.filter(complete=True).exists()
    assert not LexicalTombstone.objects.exists()
    assert codes(older.collection, Mode.HYBRID) == []
    assert audit.audit_index(older, deep=True).in_step


def test_a_renewal_that_is_killed_goes_on(older: VectorIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(_index: VectorIndex) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(sweeping, "add_missing_rows", die)
        sweeping.tidy()
    assert codes(older.collection, Mode.LEXICAL) == [Code.WORDS_RENEWED]
    sweeping.tidy()
    sweeping.tidy()
    older.refresh_from_db()
    assert older.analyzer_version == ANALYZER_VERSION
    assert len(search_words(older.pk, "tea")) == 10


def test_an_index_whose_rows_are_all_of_today_is_only_noted(collection: Collection, drain: Drain) -> None:
    list(services.save_documents(collection, [services.DocumentInput(key="a", text="Green tea")]))
    drain(collection)
    VectorIndex.objects.update(analyzer_version=ANALYZER_VERSION - 1)
    before = list(LexicalRow.objects.values())
    sweeping.tidy()
    assert list(LexicalRow.objects.values()) == before
    assert serving_index(collection).analyzer_version == ANALYZER_VERSION
