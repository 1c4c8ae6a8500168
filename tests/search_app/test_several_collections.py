"""Several collections at once: each by its own model, put into one order in which none drowns another."""

from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import override_settings

from collections_app import profiles, services
from collections_app.embeddings.hashing import MeaninglessHashEmbedder
from collections_app.exceptions import InvalidFilter, InvalidSearchRequest
from collections_app.models import Collection
from search_app import federation
from search_app.declared import read_filter, shared_fields
from search_app.filters import parse_parameters
from search_app.scales import Background, common_scale, rarest
from search_app.search import Mode, SearchResponse
from tests.conftest import Drain, save
from tests.search_app import broken
from tests.search_app.conftest import ask, declare, keys

pytestmark = pytest.mark.django_db

FUSED = [Mode.HYBRID, Mode.RRF]


class NarrowEmbedder(MeaninglessHashEmbedder):
    """A model to which all texts seem alike: its cosines are all high, as those of some real models are."""

    def _identity(self) -> dict[str, Any]:
        return {**super()._identity(), "kind": "narrow"}

    def _embed(self, inputs: list[str]) -> Any:
        vectors = super()._embed(inputs)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors[:, 0] += 3.0
        return vectors


NARROW = {
    "meaningless": {"BACKEND": "collections_app.embeddings.hashing.MeaninglessHashEmbedder", "OPTIONS": {}},
    "narrow": {"BACKEND": f"{__name__}.NarrowEmbedder", "OPTIONS": {"model": "narrow"}},
}


@pytest.fixture
def plain_and_narrow(db: None, drain: Drain) -> Any:
    """Two collections of 40 notes: the narrow one's model finds all of them near, the plain one has the rocket."""
    with override_settings(EMBEDDERS=NARROW):
        federation._sample.cache_clear()
        found = []
        for name, backend in (("Plain", "meaningless"), ("Narrow", "narrow")):
            profile = profiles.create_profile(name, backend=backend)
            collection = services.create_collection(name, profile=profile)
            rows = [
                services.DocumentInput(key=f"{name} {number}", text=f"a note number {number} of things in {name} boxes")
                for number in range(40)
            ]
            list(services.save_documents(collection, rows))
            if name == "Plain":
                save(collection, "rocket", "silver rocket lands on mars")
                save(collection, "rockets", "a silver rocket lands and a golden one leaves")
            drain(collection)
            found.append(Collection.objects.get(pk=collection.pk))
        yield tuple(found)


def scores(response: SearchResponse) -> dict[str, float]:
    return {hit.document.key: hit.score for hit in response.hits}


@pytest.mark.parametrize("mode", [Mode.HYBRID, Mode.SEMANTIC])
def test_a_model_of_higher_cosines_does_not_drown_another(
    plain_and_narrow: tuple[Collection, Collection], mode: Mode
) -> None:
    plain, narrow = plain_and_narrow
    question = "silver rocket lands on mars"
    strangers = ask(narrow, question, mode=Mode.SEMANTIC, limit=40).hits
    neighbour = ask(plain, question, mode=Mode.SEMANTIC).hits[1]
    assert min(hit.score for hit in strangers) > neighbour.score
    both = ask(plain, question, also=[narrow], mode=mode, limit=50)
    assert keys(both)[:2] == ["rocket", "rockets"]
    assert {hit.document.collection_id for hit in both.hits} == {plain.pk, narrow.pk}


@pytest.mark.parametrize("mode", Mode)
def test_pages_of_several_collections_neither_repeat_nor_skip(
    plain_and_narrow: tuple[Collection, Collection], mode: Mode
) -> None:
    plain, narrow = plain_and_narrow
    question = "note number 7 of things"
    whole = keys(ask(plain, question, also=[narrow], mode=mode, limit=80))
    pages = [keys(ask(plain, question, also=[narrow], mode=mode, limit=9, offset=at)) for at in range(0, 80, 9)]
    assert [key for page in pages for key in page][:80] == whole
    assert len(set(whole)) == len(whole) == 80


def test_collections_of_one_model_come_in_the_order_of_one_collection(films: Collection, drain: Drain) -> None:
    apart = services.create_collection("Apart")
    save(apart, "solaris", "A crew meets an ocean in space")
    drain(apart)
    both = ask(films, "a crew in space", also=[apart], mode=Mode.SEMANTIC, limit=10)
    alone = ask(films, "a crew in space", mode=Mode.SEMANTIC, limit=10)
    assert [key for key in keys(both) if key != "solaris"] == keys(alone)
    assert keys(both)[0] in {"solaris", "alien"}


def test_where_one_model_is_down_its_collection_answers_by_words(
    plain_and_narrow: tuple[Collection, Collection],
) -> None:
    plain, narrow = plain_and_narrow
    dead = {**NARROW, "narrow": broken.embedder("DeadEmbedder")["meaningless"]}
    with override_settings(EMBEDDERS=dead):
        response = ask(plain, "note number 7 of things", also=[narrow], limit=50)
    assert {hit.document.collection_id for hit in response.hits} == {plain.pk, narrow.pk}
    assert "words_alone" in [reason.code for reason in response.degraded]


def test_a_field_has_to_be_declared_alike_in_each_collection(db: None) -> None:
    one, two = services.create_collection("One"), services.create_collection("Two")
    declare(one, kind="text", year="integer", only="text")
    declare(two, kind="text", year="text*")
    asked = [one, two]
    fields = shared_fields([one.pk, two.pk])
    assert {field.name for field in fields} == {"kind"}

    def read(key: str) -> Any:
        return read_filter(lambda specs, tz: parse_parameters([(key, "1")], specs, tz=tz), asked, fields)

    assert read("kind")
    with pytest.raises(InvalidFilter, match=r"“year”.*in “One” it is integer; in “Two” it is a list of text"):
        read("year__gte")
    with pytest.raises(InvalidFilter, match=r"“only”.*in “Two” it is no filter"):
        read("only")
    with pytest.raises(InvalidFilter, match="no filter “nowhere”"):
        read("nowhere")


def test_one_collection_that_may_not_be_read_refuses_the_whole_question(films: Collection, library: Collection) -> None:
    Collection.objects.filter(pk=films.pk).update(visibility="private")
    with pytest.raises(InvalidSearchRequest, match="may not read"):
        ask(library, "space", also=[films], user=AnonymousUser())


def test_lists_of_several_collections_are_one_list(films: Collection, library: Collection) -> None:
    response = ask(films, "", also=[library], limit=100)
    assert response.total_estimate == 65
    assert len(set(keys(response))) == 65


# --- scales -------------------------------------------------------------------------------------------------------


def test_a_cosine_on_the_common_scale_stands_as_far_above_it_as_above_its_own() -> None:
    wide, narrow = Background(0.1, 0.1), Background(0.8, 0.02)
    scale = common_scale({"wide": wide, "narrow": narrow})
    assert (scale.mean, scale.deviation) == (pytest.approx(0.45), pytest.approx(0.06))
    assert wide.rescaled(0.4, scale) == pytest.approx(narrow.rescaled(0.86, scale))
    assert common_scale({"wide": wide}) == wide
    assert wide.rescaled(0.4, wide) == pytest.approx(0.4)


def test_a_background_is_that_of_all_samples_and_never_without_width() -> None:
    question = np.array([1.0, 0.0], dtype=np.float32)
    samples = [np.array([[1.0, 0.0]], dtype=np.float32), np.array([[0.0, 1.0]], dtype=np.float32)]
    assert Background.of(samples, question) == Background(0.5, 0.5)
    assert Background.of(samples[:1], question).deviation > 0
    assert Background.of([], question).deviation > 0
    assert rarest(0) == 1.0
