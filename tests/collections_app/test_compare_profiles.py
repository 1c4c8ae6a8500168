"""Profiles are compared by the same passages and questions, exactly, and nothing is embedded twice for it."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from collections_app import comparison, profiles, services, tasks
from collections_app.embeddings.hashing import MeaninglessHashEmbedder
from collections_app.evaluation.judged import JudgedQuestion
from collections_app.exceptions import (
    EmbedderUnavailable,
    EmbeddingInputRefused,
    InvalidEvaluation,
    LeaseLost,
    ProfileMismatch,
)
from collections_app.ledger import in_future
from collections_app.models import (
    Collection,
    Embedding,
    EmbeddingProfile,
    EmbeddingRole,
    ProfileComparison,
    TrailRecord,
)
from tests.conftest import Drain, save, serving_index

pytestmark = pytest.mark.django_db

JUDGED = [
    JudgedQuestion("1", "who purrs", {"cats": 1.0}),
    JudgedQuestion("2", "谁在叫 🐕", {"dogs": 2.0, "gone": 1.0}),
    JudgedQuestion("3", "what is gone", {"gone": 1.0}),
]


@pytest.fixture
def notes(collection: Collection, drain: Drain) -> Collection:
    save(collection, "cats", "Cats purr all day and who purrs is a cat.")
    save(collection, "dogs", "狗谁在叫 🐕 and dogs bark at night.")
    save(collection, "birds", "Birds sing in the morning, and nobody answers.")
    drain(collection)
    return collection


@pytest.fixture
def one(notes: Collection) -> EmbeddingProfile:
    return serving_index(notes).profile


@pytest.fixture
def other(notes: Collection) -> EmbeddingProfile:
    return profiles.create_profile("另一个 🐈", backend="meaningless", options={"dimensions": 48})


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All texts that any embedder was given."""
    given: list[str] = []
    embed = MeaninglessHashEmbedder._embed

    def noted(self: MeaninglessHashEmbedder, inputs: list[str]) -> Any:
        given.extend(inputs)
        return embed(self, inputs)

    monkeypatch.setattr(MeaninglessHashEmbedder, "_embed", noted)
    return given


def compared(
    collection: Collection,
    contestants: Sequence[EmbeddingProfile],
    judged: Sequence[JudgedQuestion] = JUDGED,
    **more: Any,
) -> comparison.Report:
    return comparison.compare(wish(collection, contestants, judged, **more))


def wish(
    collection: Collection,
    contestants: Sequence[EmbeddingProfile],
    judged: Sequence[JudgedQuestion] = JUDGED,
    **more: Any,
) -> comparison.Wish:
    return comparison.Wish(collection=collection, profiles=contestants, questions=judged, **more)


def test_judged_questions_give_what_can_be_worked_out_by_hand(
    notes: Collection, one: EmbeddingProfile, other: EmbeddingProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MeaninglessHashEmbedder, "_embed", _by_first_letter)
    # Vectors of the notes are in SQL, made without letters: the second profile alone embeds by them.
    report = compared(notes, [other])
    figures = report.profiles[0]
    # cats is found first. dogs is found second, beneath birds: 1 / log2(3) of 1.
    assert figures.ndcg == pytest.approx((1 + 0.6309) / 2, abs=1e-4)
    assert (figures.mrr, figures.hit_rate, figures.recall) == (0.75, 1.0, 1.0)
    assert (report.documents, report.passages, report.questions, report.is_judged) == (3, 3, 2, True)
    assert (report.unknown_keys, report.unknown, report.left_out) == (1, ["gone"], 1)


def _by_first_letter(self: MeaninglessHashEmbedder, inputs: Sequence[str]) -> Any:
    import numpy as np

    directions: dict[str, list[float]] = {
        "C": [1, 0, 0],
        "w": [1, 0.1, 0],
        "狗": [0, 1, 0.4],
        "谁": [0, 1, 1],
        "B": [0, 0.8, 1],
    }
    vectors = np.zeros((len(inputs), self.dimensions), dtype=np.float32)
    for row, text in enumerate(inputs):
        vectors[row, :3] = directions.get(text[0], [0, 0, 1])
    return vectors


def test_a_report_is_kept_as_it_was_given(notes: Collection, one: EmbeddingProfile, other: EmbeddingProfile) -> None:
    report = compared(notes, [one, other], depth=3)
    kept = ProfileComparison.objects.get()
    assert comparison.Report.from_json(kept.report) == report
    assert (kept.error, kept.done, kept.total, kept.attempts, kept.lease_token) == ("", 6, 6, 1, None)
    assert kept.finished_at and kept.started_at
    assert [figures.profile for figures in report.profiles] == [one.name, other.name]
    assert [figures.bytes_per_passage for figures in report.profiles] == [4 * one.dimensions, 4 * 48]
    assert report.profiles[0].bytes == 3 * 4 * one.dimensions
    agreement = report.agreements[0]
    assert (agreement.one, agreement.other, agreement.overlap) == (one.name, other.name, 1.0)
    assert 0 < agreement.rank_biased_overlap <= 1
    best = max(report.profiles, key=lambda figures: figures.ndcg or 0)
    assert (best.difference, best.interval) == (0.0, 0.0)
    assert TrailRecord.objects.get(action="profiles compared").object_id == notes.public_id


def test_what_is_embedded_is_kept_and_never_embedded_again(
    notes: Collection,
    one: EmbeddingProfile,
    other: EmbeddingProfile,
    embedded: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As of a server: a model in this process is timed with texts that it embedded before.
    monkeypatch.setattr("collections_app.comparison.contestant.takes_key", lambda _backend: True)
    embedded.clear()
    first = compared(notes, [one, other])
    assert len(embedded) == 2 + 3 + 2
    assert [figures.embedded_texts for figures in first.profiles] == [2, 5]
    assert Embedding.objects.filter(profile=other, role=EmbeddingRole.QUERY).count() == 2
    embedded.clear()
    second = compared(notes, [one, other])
    assert embedded == []
    assert [figures.ndcg for figures in second.profiles] == [figures.ndcg for figures in first.profiles]
    assert [figures.embedded_tokens for figures in second.profiles] == [0, 0]
    assert second.profiles[1].ms_per_query is None
    # An index that is built from the winner finds its vectors in SQL.
    services.start_rebuild(notes, profile=other)
    embedded.clear()
    index = services.building_index(notes)
    assert index
    tasks.drain_index(index.pk)
    assert embedded == []


def test_an_estimate_says_what_would_be_sent_and_sends_nothing(
    notes: Collection, one: EmbeddingProfile, other: EmbeddingProfile, embedded: list[str]
) -> None:
    embedded.clear()
    estimates = comparison.estimate(wish(notes, [one, other]))
    assert embedded == []
    assert [(each.passages, each.texts_to_embed, each.is_exact) for each in estimates] == [(3, 2, True), (3, 5, True)]
    report = compared(notes, [one, other])
    assert [each.tokens_to_embed for each in estimates] == [figures.embedded_tokens for figures in report.profiles]


def test_a_price_is_shown_where_one_is_known(notes: Collection, one: EmbeddingProfile) -> None:
    assert compared(notes, [one]).profiles[0].cost is None
    one.price, one.currency = Decimal(2), "USD"
    one.save()
    figures = compared(notes, [one]).profiles[0]
    assert figures.tokens > 0
    assert (figures.cost, figures.currency) == (pytest.approx(2.0 * figures.tokens / 1e6), "USD")


def test_without_judgements_sentences_are_asked_and_do_not_find_their_own_copy(
    collection: Collection, drain: Drain
) -> None:
    rows = [
        services.DocumentInput(
            key=str(number), text=f"The keeper alpha{number} writes letters. Nobody answers beta{number} whole summer."
        )
        for number in range(30)
    ]
    list(services.save_documents(collection, rows))
    drain(collection)
    report = compared(collection, [serving_index(collection).profile], [])
    assert (report.is_judged, report.questions, report.passages) == (False, 30, 30)
    # Left in, its copy would lead every question to its document.
    assert report.profiles[0].mrr is not None
    assert report.profiles[0].mrr < 0.6


def test_a_sample_has_what_answers_and_stays_the_same(
    collection: Collection, drain: Drain, embedded: list[str]
) -> None:
    rows = [services.DocumentInput(key=str(number), text=f"Text number {number}.") for number in range(20)]
    list(services.save_documents(collection, rows))
    drain(collection)
    other = profiles.create_profile("Other", backend="meaningless", options={"dimensions": 48})
    judged = [JudgedQuestion("1", "number 7", {"7": 1.0}), JudgedQuestion("2", "number 8", {"8": 1.0})]
    report = compared(collection, [other], judged, sample=5)
    assert (report.documents, report.passages) == (5, 5)
    stored = Embedding.objects.filter(profile=other, role=EmbeddingRole.PASSAGE).count()
    assert stored == 5
    compared(collection, [other], judged, sample=5)
    assert Embedding.objects.filter(profile=other, role=EmbeddingRole.PASSAGE).count() == 5
    assert compared(collection, [other], judged, sample=1).documents == 2
    assert compared(collection, [other], judged, sample=500).documents == 20


def test_slabs_do_not_change_the_result(
    notes: Collection, one: EmbeddingProfile, other: EmbeddingProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = compared(notes, [one, other])
    monkeypatch.setattr("collections_app.comparison.material.SLAB", 1)
    parts = compared(notes, [one, other])
    assert [figures.ndcg for figures in parts.profiles] == [figures.ndcg for figures in whole.profiles]
    assert parts.agreements == whole.agreements


def test_a_text_that_a_model_refuses_is_counted_and_the_rest_goes_on(
    notes: Collection, other: EmbeddingProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    embed = MeaninglessHashEmbedder._embed

    def refuses_birds(self: MeaninglessHashEmbedder, inputs: list[str]) -> Any:
        if any("Birds" in text for text in inputs):
            raise EmbeddingInputRefused("No birds.")
        return embed(self, inputs)

    monkeypatch.setattr(MeaninglessHashEmbedder, "_embed", refuses_birds)
    monkeypatch.setattr("collections_app.comparison.contestant.takes_key", lambda _backend: True)
    figures = compared(notes, [other]).profiles[0]
    assert (figures.refused, figures.embedded_texts, figures.error, figures.recall) == (1, 4, "", 1.0)


def test_a_profile_whose_embedder_fails_is_out_and_the_others_go_on(
    notes: Collection, one: EmbeddingProfile, other: EmbeddingProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    embed = MeaninglessHashEmbedder._embed

    def fails(self: MeaninglessHashEmbedder, inputs: list[str]) -> Any:
        if self.dimensions == 48:
            raise EmbedderUnavailable("Nobody answers.")
        return embed(self, inputs)

    monkeypatch.setattr(MeaninglessHashEmbedder, "_embed", fails)
    report = compared(notes, [other, one])
    assert (report.profiles[0].error, report.profiles[0].ndcg) == ("Nobody answers.", None)
    assert (report.profiles[1].error, report.agreements) == ("", [])
    assert report.profiles[1].ndcg
    with pytest.raises(InvalidEvaluation, match="Nobody answers"):
        compared(notes, [other])
    failed = ProfileComparison.objects.first()
    assert failed
    assert (failed.error, bool(failed.finished_at), failed.report) == ("Nobody answers.", True, {})


def test_what_cannot_be_compared_is_refused_with_its_remedy(
    notes: Collection, one: EmbeddingProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*contestants: EmbeddingProfile, **more: Any) -> str:
        with pytest.raises(InvalidEvaluation) as raised:
            compared(notes, contestants, **more)
        return str(raised.value)

    assert "at least one" in refused()
    assert "named twice" in refused(one, one)
    assert "give at least 1" in refused(one, sample=0)
    assert "choose from 1 to 1000" in refused(one, depth=0)
    told = refused(one, judged=[JudgedQuestion("1", "what", {"nowhere": 1.0, "无": 1.0})])
    assert "none of the 2 documents that are judged: 'nowhere', '无'" in told
    assert "No question can be made" in refused(one, judged=[])
    EmbeddingProfile.objects.update(paused_until=in_future(timedelta(hours=1)), pause_reason="No connection.")
    one.refresh_from_db()
    assert f"The profile {one.name!r} is paused: No connection." in refused(one)
    EmbeddingProfile.objects.update(paused_until=None, changed_at=in_future(timedelta()))
    one.refresh_from_db()
    with pytest.raises(ProfileMismatch):
        compared(notes, [one])


def test_an_empty_collection_is_refused(collection: Collection) -> None:
    with pytest.raises(InvalidEvaluation, match="has no passages yet"):
        compared(collection, [serving_index(collection).profile])


def test_the_task_works_what_waits_and_says_how_far_it_is(notes: Collection, one: EmbeddingProfile) -> None:
    asked = comparison.ask(wish(notes, [one]))
    assert list(comparison.waiting()) == [asked]
    tasks.compare_profiles(asked.pk)
    asked.refresh_from_db()
    assert (asked.error, asked.done, asked.total) == ("", 3, 3)
    assert asked.report["profiles"][0]["profile"] == one.name
    assert not comparison.waiting().exists()
    assert comparison.work(asked) is None


def test_nobody_works_what_somebody_is_at_and_it_is_taken_over_when_that_one_is_gone(
    notes: Collection, one: EmbeddingProfile
) -> None:
    asked = comparison.ask(wish(notes, [one]))
    ProfileComparison.objects.update(lease_expires_at=in_future(timedelta(minutes=1)))
    assert comparison.work(asked) is None
    ProfileComparison.objects.update(lease_expires_at=in_future(timedelta(seconds=-1)))
    assert comparison.work(asked)


def test_what_kills_its_worker_again_and_again_is_given_up(notes: Collection, one: EmbeddingProfile) -> None:
    asked = comparison.ask(wish(notes, [one]))
    ProfileComparison.objects.update(attempts=3)
    assert comparison.work(asked) is None
    asked.refresh_from_db()
    assert asked.finished_at
    assert "ended 3 times" in asked.error


def test_one_that_is_stopped_ends_before_the_next_slice(notes: Collection, one: EmbeddingProfile) -> None:
    asked = comparison.ask(wish(notes, [one]))

    def somebody_stops_it() -> None:
        comparison.stop(asked, reason="Stopped by Ann.")

    with pytest.raises(LeaseLost):
        comparison.work(asked, breathe=somebody_stops_it)
    asked.refresh_from_db()
    assert (asked.error, asked.report) == ("Stopped by Ann.", {})
    assert comparison.stop(asked, reason="Again.") is False


def test_one_that_is_interrupted_says_so_and_keeps_what_was_embedded(
    notes: Collection, other: EmbeddingProfile
) -> None:
    asked = comparison.ask(wish(notes, [other]))
    breaths: list[int] = []

    def breathe() -> None:
        breaths.append(1)
        if len(breaths) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        comparison.work(asked, breathe=breathe)
    asked.refresh_from_db()
    assert asked.finished_at
    assert "KeyboardInterrupt" in asked.error
    assert Embedding.objects.filter(profile=other).exists()


def test_a_document_that_is_deleted_meanwhile_is_left_out_for_all(
    notes: Collection, one: EmbeddingProfile, other: EmbeddingProfile
) -> None:
    asked = comparison.ask(wish(notes, [one, other]))
    breaths: list[int] = []

    def delete_birds() -> None:
        breaths.append(1)
        if len(breaths) == 1:
            services.delete_documents(notes.documents.filter(key="birds"))

    report = comparison.work(asked, breathe=delete_birds)
    assert report
    assert report.agreements[0].overlap == 1.0
    assert [figures.tokens for figures in report.profiles] == [report.profiles[0].tokens] * 2
