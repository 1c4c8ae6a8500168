"""Maximal marginal relevance: the order that it gives, and that pages of it follow each other."""

import numpy as np
import pytest

from collections_app import services
from collections_app.models import Collection
from search_app.diversity import spread_out
from search_app.request import DEPTH
from search_app.search import MOST_RESULTS, Mode
from tests.conftest import Drain
from tests.search_app.conftest import ask, keys

NORTH, EAST = (1.0, 0.0), (0.0, 1.0)


def spread(scores: list[float], vectors: list[tuple[float, float]], diversity: float) -> list[int]:
    return spread_out(scores, np.array(vectors, dtype=np.float32).reshape(len(scores), 2), diversity=diversity)


def test_without_diversity_the_order_of_scores_stays() -> None:
    assert spread([0.9, 0.8, 0.7, 0.1], [NORTH, NORTH, EAST, EAST], 0.0) == [0, 1, 2, 3]


def test_what_is_like_a_better_one_comes_later() -> None:
    assert spread([0.9, 0.8, 0.7, 0.1], [NORTH, NORTH, EAST, EAST], 0.5) == [0, 2, 1, 3]


def test_with_all_of_it_only_difference_counts_after_the_best_one() -> None:
    assert spread([0.5, 0.9, 0.8, 0.1], [EAST, NORTH, NORTH, EAST], 1.0)[:2] == [1, 0]


@pytest.mark.parametrize("scale", [1.0, 100.0, 0.001])
def test_the_measure_of_the_scores_does_not_matter(scale: float) -> None:
    scores = [scale * score for score in (0.9, 0.8, 0.7, 0.1)]
    assert spread(scores, [NORTH, NORTH, EAST, EAST], 0.5) == [0, 2, 1, 3]


def test_equal_ones_and_a_missing_vector_stay_in_their_order() -> None:
    assert spread([1.0, 1.0, 1.0], [(0.0, 0.0)] * 3, 0.7) == [0, 1, 2]
    assert spread([], [], 0.5) == []


def test_documents_that_say_the_same_make_room_for_others(collection: Collection, drain: Drain) -> None:
    texts = {f"same {number}": "silver rocket lands on mars" for number in range(3)}
    texts["other"] = "a rocket of silver paper for children"
    texts["far"] = "nothing at all to do with it"
    list(services.save_documents(collection, [services.DocumentInput(key=k, text=t) for k, t in texts.items()]))
    drain(collection)
    plain = keys(ask(collection, "silver rocket"))
    varied = keys(ask(collection, "silver rocket", diversity=0.5))
    assert set(plain[:3]) == {"same 0", "same 1", "same 2"}
    assert varied[1] == "other"
    assert sorted(plain) == sorted(varied)


@pytest.mark.parametrize("mode", Mode)
def test_pages_of_a_varied_order_neither_repeat_nor_skip(library: Collection, mode: Mode) -> None:
    whole = keys(ask(library, "topic 3 of a book", mode=mode, diversity=0.4, limit=60))
    pages = [ask(library, "topic 3 of a book", mode=mode, diversity=0.4, limit=7, offset=at) for at in range(0, 60, 7)]
    assert [key for page in pages for key in keys(page)] == whole
    assert len(set(whole)) == len(whole) == 60


def test_pages_beyond_the_first_hundred_neither_repeat_nor_skip(collection: Collection, drain: Drain) -> None:
    rows = [services.DocumentInput(key=str(number), text=f"note {number} of {number % 9}") for number in range(230)]
    list(services.save_documents(collection, rows))
    drain(collection)
    pages = [ask(collection, "note 4", limit=20, offset=at) for at in range(0, MOST_RESULTS, 20)]
    listed = [key for page in pages for key in keys(page)]
    assert len(set(listed)) == len(listed) == MOST_RESULTS
    assert listed == keys(ask(collection, "note 4", limit=MOST_RESULTS))
    assert listed[:DEPTH] == keys(ask(collection, "note 4", limit=DEPTH))
    assert all(page.has_more for page in pages)
