"""The question's vector: what is done while a model is at work on it, and what that costs."""

import threading

import numpy as np
import pytest
from django.test import override_settings

from collections_app.models import Collection, Purpose, Usage
from search_app.query_vectors import QuestionNotEmbedded, query_vector
from search_app.stopwatch import Stopwatch
from tests.conftest import serving_index
from tests.search_app import broken

pytestmark = pytest.mark.django_db


class Refused(Exception):
    pass


def refuse() -> None:
    raise Refused


def test_what_is_done_meanwhile_is_done_while_the_model_works(films: Collection) -> None:
    index, broken.PatientEmbedder.may_answer = serving_index(films), threading.Event()
    with override_settings(EMBEDDERS=broken.embedder("PatientEmbedder")):
        vector = query_vector(index, "space", meanwhile=broken.PatientEmbedder.may_answer.set)
        with pytest.raises(QuestionNotEmbedded):
            query_vector(index, "nobody allows this one", meanwhile=broken.PatientEmbedder.may_answer.clear)
    assert np.array_equal(vector, query_vector(index, "space"))
    assert Usage.objects.get(purpose=Purpose.QUERY).calls >= 1, "what another thread embeds is charged too"


def test_where_nothing_has_to_be_waited_for_nothing_is_done_meanwhile(films: Collection) -> None:
    index = serving_index(films)
    known = query_vector(index, "space")
    done: list[str] = []
    assert query_vector(index, "space", meanwhile=lambda: done.append("read")) is known
    assert done == []


def test_what_fails_meanwhile_is_not_taken_for_a_failure_of_the_model(films: Collection) -> None:
    index = serving_index(films)
    with pytest.raises(Refused):
        query_vector(index, "space", meanwhile=refuse)
    index.profile.refresh_from_db()
    assert index.profile.paused_until is None
    assert len(query_vector(index, "space")) == index.profile.dimensions


def test_a_step_within_another_counts_for_itself_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 1.0, 3.0, 4.0, 5.0, 9.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(times))
    watch = Stopwatch()
    with watch.step("outer"):
        with watch.step("inner"):
            pass
        with watch.step("other"):
            pass
    assert watch.timings == {"inner": 2000.0, "other": 1000.0, "outer": 6000.0}
