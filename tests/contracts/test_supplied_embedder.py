"""The embedder of vectors that came from outside: it embeds by the model that is named for questions, or not at all."""

from typing import Any

import numpy as np
import pytest

from collections_app.embeddings import Embedder, load_embedder
from collections_app.exceptions import (
    EmbedderMisconfigured,
    EmbeddingInputRefused,
    NoModelForQuestions,
)

QUESTIONS = {"backend": "meaningless", "options": {"dimensions": 64, "max_tokens": 40}}


def supplied(**options: Any) -> Embedder:
    return load_embedder("supplied", options={"model": "theirs", "dimensions": 64} | options)


def test_without_a_model_nothing_is_embedded_and_the_error_names_the_remedy() -> None:
    embedder = supplied()
    assert (embedder.has_model, embedder.dimensions, embedder.tokenizer) == (False, 64, None)
    with pytest.raises(EmbeddingInputRefused, match="Import it again with its vector"):
        embedder.embed_passages(["a"])
    with pytest.raises(NoModelForQuestions, match="Search by words"):
        embedder.within(1.0).embed_query("a")


def test_with_a_model_all_but_what_was_supplied_is_embedded_by_it() -> None:
    embedder, own = supplied(questions=QUESTIONS), load_embedder("meaningless", options=QUESTIONS["options"])  # type: ignore[arg-type]
    assert embedder.has_model
    np.testing.assert_array_equal(embedder.embed_passages(["a cat", "猫"]), own.embed_passages(["a cat", "猫"]))
    np.testing.assert_array_equal(embedder.within(1.0).embed_query("a cat"), own.embed_query("a cat"))
    assert embedder.count_tokens(["a cat sleeps"]) == own.count_tokens(["a cat sleeps"])
    assert (embedder.passage_capacity, embedder.max_tokens) == (own.passage_capacity, 40)


def test_the_fingerprint_tells_models_dimensions_and_models_for_questions_apart() -> None:
    several = [
        supplied(),
        supplied(dimensions=63),
        supplied(model="others"),
        supplied(questions=QUESTIONS),
        supplied(questions={"backend": "meaningless"}),
    ]
    assert len({embedder.fingerprint for embedder in several}) == len(several)
    assert load_embedder("supplied", model="theirs", options={"dimensions": 64}).fingerprint == several[0].fingerprint


@pytest.mark.parametrize("options", [{"dimensions": 0}, {"model": ""}, {"questions": {"model": "x"}}], ids=str)
def test_options_that_cannot_work_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(EmbedderMisconfigured):
        load_embedder("supplied", options={"dimensions": 64, "model": "theirs"} | options)


def test_a_model_for_questions_of_other_dimensions_is_an_error_and_no_wrong_result() -> None:
    embedder = supplied(dimensions=48, questions=QUESTIONS)
    for embed in (lambda: embedder.embed_query("a"), lambda: embedder.embed_passages(["a"])):
        with pytest.raises(EmbedderMisconfigured, match="64 dimensions, and the supplied ones have 48"):
            embed()
