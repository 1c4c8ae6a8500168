"""What meaning weighs for one question: as somebody set it, as was learned, or by what the model reads of it."""

import pytest

from collections_app.embeddings.local import LocalEmbedder
from collections_app.fusion import SEMANTIC_WEIGHT, discounted
from collections_app.models import Collection, VectorIndex
from search_app import weighting
from search_app.search import Mode
from search_app.weighting import Source, Weight, weight_for
from tests.conftest import serving_index
from tests.search_app.conftest import ask

pytestmark = pytest.mark.django_db


def learned(collection: Collection, weight: float | None, **languages: float) -> VectorIndex:
    evidence = {"languages": {language: {"weight": value} for language, value in languages.items()}}
    index = serving_index(collection)
    VectorIndex.objects.filter(pk=index.pk).update(semantic_weight=weight, calibration=evidence)
    return serving_index(collection)


def test_nothing_learned_means_the_default(films: Collection) -> None:
    index = learned(films, None)
    assert weight_for(index, "a film about space") == Weight(value=SEMANTIC_WEIGHT, source=Source.DEFAULT)


def test_what_was_learned_in_the_questions_language_goes_first(films: Collection) -> None:
    index = learned(films, 0.6, zh=0.3, en=0.7)
    assert weight_for(index, "关于太空的电影") == Weight(value=0.3, source=Source.CALIBRATED, language="zh")
    assert weight_for(index, "Which of these films tells about a journey into space?") == Weight(
        value=0.7, source=Source.CALIBRATED, language="en"
    )
    assert weight_for(index, "?!") == Weight(value=0.6, source=Source.CALIBRATED)


def test_what_somebody_set_goes_before_all(films: Collection) -> None:
    Collection.objects.filter(pk=films.pk).update(semantic_weight=0.0)
    index = learned(films, 0.6, zh=0.3)
    assert weight_for(index, "关于太空的电影") == Weight(value=0.0, source=Source.OVERRIDE)


def test_a_question_that_the_model_cannot_read_counts_less_by_meaning(
    films: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = LocalEmbedder()
    monkeypatch.setattr(weighting, "embedder_for", lambda profile: embedder)
    index = learned(films, 0.7, en=0.75)
    found = weight_for(index, "男女主角亦有专属声优这一模式是由谁改编的？")
    assert found.readable < 0.7
    assert found.source is Source.CALIBRATED
    assert found.value < 0.7
    assert found.value == pytest.approx(discounted(SEMANTIC_WEIGHT, found.readable))
    assert weight_for(learned(films, 0.2), "男女主角亦有专属声优这一模式是由谁改编的？").value == 0.2
    index = learned(films, 0.7, en=0.95)
    assert weight_for(index, "Who has adapted this mode with voices of its own?").value == 0.95
    assert embedder.readable_share(" ") == embedder.readable_share("naïve café 2024") == 1.0


@pytest.mark.parametrize("mode", Mode)
def test_an_answer_says_which_weight_was_used_and_why(films: Collection, mode: Mode) -> None:
    learned(films, 0.4)
    response = ask(films, "space", mode=mode)
    expected = Weight(value=0.4, source=Source.CALIBRATED) if mode is Mode.HYBRID else None
    (part,) = response.parts
    assert part.weight == expected


def test_the_weight_decides_the_order(films: Collection) -> None:
    by_words, by_meaning = (ask(films, "a guide in space", mode=mode) for mode in (Mode.LEXICAL, Mode.SEMANTIC))
    for weight, alone in ((0.0, by_words), (1.0, by_meaning)):
        Collection.objects.filter(pk=films.pk).update(semantic_weight=weight)
        both = ask(films, "a guide in space")
        assert [hit.chunk.pk for hit in both.hits][:2] == [hit.chunk.pk for hit in alone.hits][:2]
