"""What meaning weighs beside words is learned from a collection's own passages, and used where it holds."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from collections_app import calibration, services, tasks
from collections_app.calibration import questions
from collections_app.embeddings.hashing import MeaninglessHashEmbedder
from collections_app.ledger import in_future
from collections_app.lexical import ANALYZER_VERSION
from collections_app.models import Collection, Embedding, VectorIndex
from tests.conftest import Drain, serving_index

pytestmark = pytest.mark.django_db

TOPICS = 60


@pytest.fixture
def told(collection: Collection, drain: Drain) -> VectorIndex:
    """An index of documents whose two sentences share a rare word, which the meaningless embedder does not see."""
    rows = [
        services.DocumentInput(
            key=str(number),
            text=f"The keeper number{number} of the garden writes letters. Nobody answers number{number} all summer.",
        )
        for number in range(TOPICS)
    ]
    assert all(saved.error is None for saved in services.save_documents(collection, rows))
    drain(collection)
    return serving_index(collection)


def test_where_only_words_find_words_decide(told: VectorIndex) -> None:
    found = calibration.calibrate(told)
    assert found
    told.refresh_from_db()
    assert found.lexical > 0.9 > found.semantic
    assert found.hybrid >= found.lexical - 0.01
    assert told.semantic_weight == found.weight < 0.5
    assert told.calibration["questions"] == found.questions == TOPICS
    assert (told.calibration["documents"], told.calibration["embedded"]) == (TOPICS, 2 * TOPICS)
    assert told.calibrated_at


def test_a_sentence_does_not_find_its_own_copy(collection: Collection, drain: Drain) -> None:
    rows = [
        services.DocumentInput(
            key=str(number), text=f"The keeper alpha{number} writes letters. Nobody answers beta{number} whole summer."
        )
        for number in range(TOPICS)
    ]
    list(services.save_documents(collection, rows))
    drain(collection)
    found = calibration.calibrate(serving_index(collection))
    assert found
    # Neither sentence has a word of the other but common ones; with its copy left in, words would find each.
    assert found.lexical < 0.5


def test_where_only_meaning_finds_meaning_decides(
    collection: Collection, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MeaninglessHashEmbedder, "_embed", _by_topic)
    rows = [
        services.DocumentInput(key=str(number), text=f"Red{number} green blue one two. Ta{number} te ti to tu.")
        for number in range(TOPICS)
    ]
    list(services.save_documents(collection, rows))
    drain(collection)
    found = calibration.calibrate(serving_index(collection))
    assert found
    assert found.semantic > 0.9 > found.lexical
    assert found.weight > 0.8
    assert found.hybrid > 0.9


def _by_topic(_self: Any, inputs: Sequence[str]) -> Any:
    vectors = np.full((len(inputs), 64), 0.02, dtype=np.float32)
    for row, text in enumerate(inputs):
        digits = "".join(character for character in text.split()[0] if character.isdigit())
        vectors[row, int(digits or 63)] = 1.0
    return vectors


def test_too_little_to_learn_from_leaves_the_default(collection: Collection, drain: Drain) -> None:
    rows = [services.DocumentInput(key=str(number), text=f"Single sentence {number}") for number in range(TOPICS)]
    list(services.save_documents(collection, rows))
    drain(collection)
    index = serving_index(collection)
    assert calibration.calibrate(index) is None
    index.refresh_from_db()
    assert index.semantic_weight is None
    learned = {
        "analyzer_version": ANALYZER_VERSION,
        "documents": TOPICS,
        "questions": 0,
        "embedded": 0,
        "languages": {},
    }
    assert index.calibration == learned


def test_an_empty_index_is_not_calibrated(collection: Collection) -> None:
    assert calibration.due() is None
    assert calibration.calibrate(serving_index(collection)) is None


def test_each_language_with_enough_passages_has_its_own_weight(told: VectorIndex, drain: Drain) -> None:
    rows = [
        services.DocumentInput(
            key=f"zh{number}", text=f"花园的看守人第{number}号在写信。整个夏天没有人回答第{number}号。"
        )
        for number in range(TOPICS)
    ]
    list(services.save_documents(told.collection, rows))
    drain(told.collection)
    calibration.calibrate(told)
    told.refresh_from_db()
    assert {"en", "zh"} <= told.calibration["languages"].keys()
    assert told.calibration["languages"]["zh"]["questions"] >= calibration.FEWEST_QUESTIONS


def test_it_is_due_when_all_is_indexed_and_again_when_that_has_doubled(told: VectorIndex, drain: Drain) -> None:
    collection = told.collection
    assert calibration.due() == told.pk
    calibration.calibrate(told)
    assert calibration.due() is None
    rows = [services.DocumentInput(key=f"more{number}", text="Something else. And more.") for number in range(TOPICS)]
    list(services.save_documents(collection, rows))
    assert calibration.due() is None
    drain(collection)
    assert calibration.due() == told.pk


def test_it_is_due_again_when_words_are_analysed_otherwise_and_not_before_they_are(told: VectorIndex) -> None:
    calibration.calibrate(told)
    assert calibration.due() is None
    indexes = VectorIndex.objects.filter(pk=told.pk)
    indexes.update(calibration={**VectorIndex.objects.get(pk=told.pk).calibration, "analyzer_version": 0})
    assert calibration.due() == told.pk
    indexes.update(analyzer_version=0)
    assert calibration.due() is None


def test_two_workers_do_not_calibrate_one_index(told: VectorIndex) -> None:
    VectorIndex.objects.filter(pk=told.pk).update(calibrator_expires_at=in_future(timedelta(minutes=1)))
    assert calibration.due() is None
    assert calibration.calibrate(told) is None
    told.refresh_from_db()
    assert told.calibrated_at is None


def test_what_is_interrupted_stores_nothing_and_no_vector_is_kept(told: VectorIndex) -> None:
    vectors = Embedding.objects.count()
    breaths = []

    def breathe() -> None:
        breaths.append(1)
        if len(breaths) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calibration.calibrate(told, breathe=breathe)
    told.refresh_from_db()
    assert (told.semantic_weight, told.calibrated_at) == (None, None)
    VectorIndex.objects.update(calibrator_expires_at=None)
    tasks.calibrate_index(told.pk)
    told.refresh_from_db()
    assert told.semantic_weight is not None
    assert Embedding.objects.count() == vectors


def test_the_command_says_what_was_learned(
    told: VectorIndex, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    call_command("calibrate", told.collection.slug)
    assert f"all: {TOPICS} questions" in capsys.readouterr().out
    with pytest.raises(CommandError, match="no collection 'nowhere'"):
        call_command("calibrate", "nowhere")
    monkeypatch.setattr(questions, "_FEWEST_TERMS", 1000)
    call_command("calibrate", told.collection.slug)
    assert "0 sentences could be asked about" in capsys.readouterr().out
