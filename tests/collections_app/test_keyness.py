"""Which terms tell some passages from the others, and how they are written."""

import math

import numpy as np
import pytest

from collections_app.lexical import Wording, keyness, number_of, telling_words


def test_the_score_is_the_log_odds_ratio_of_its_definition() -> None:
    inside, everywhere = np.array([30, 10, 60]), np.array([40, 110, 850])
    scores = keyness(inside, everywhere)
    had, had_not = 30 + 20.0, 10 + 20.0
    odds = math.log(had / (600 - had)) - math.log(had_not / (1400 - had_not))
    assert scores[0] == pytest.approx(odds / math.sqrt(1 / had + 1 / had_not))
    assert scores[0] > 2 > scores[1]
    assert scores[2] < 0


def test_where_there_is_nothing_to_compare_with_nothing_is_typical() -> None:
    assert keyness(np.array([3, 4]), np.array([3, 4])).tolist() == [0, 0]
    assert keyness(np.array([0, 0]), np.array([3, 4])).tolist() == [0, 0]
    assert keyness(np.array([2]), np.array([4])).tolist() == [0]
    assert keyness(np.array([], dtype=np.int64), np.array([], dtype=np.int64)).tolist() == []


def test_a_term_is_written_as_texts_mostly_write_it() -> None:
    stems = ["compress", "os.path.join", "机器", "学习", "zip", "file"]
    wording = Wording(map(number_of, stems))
    wording.read("Compressing files. Compressing more; compressed? os.path.join! ZipFile. ZipFile")
    wording.read("机器学习很有用")
    words = [wording.word_of(number_of(stem)) for stem in stems]
    assert words == ["compressing", "os.path.join", "机器", "学习", "zip", "file"]
    assert wording.word_of(number_of("garden")) is None


def test_words_that_say_nothing_by_themselves_are_left_out() -> None:
    words = ["机器", "器学", "学习", "a", "2024", "3.11", "机", "tar", "习用", "the", "如何", "个向", "数据"]
    assert telling_words(words, most=10) == ["机器", "学习", "tar", "数据"]
    assert telling_words(words, most=2) == ["机器", "学习"]
