"""The lab: texts are embedded by each profile in their roles, examined and written out, and nothing is kept."""

import io
import json
import logging
from typing import Any

import numpy as np
import pytest

from collections_app import lab, outages, profiles
from collections_app.exceptions import EmbedderUnavailable
from collections_app.lab import Failed, Finding, Texts, TooMuch, Trials, Unsent
from collections_app.models import Embedding, EmbeddingProfile
from tests.contracts.embedding_server import EmbeddingServer

pytestmark = pytest.mark.django_db

PLAIN = Trials()


def remote(server: EmbeddingServer, *, host: str = "127.0.0.1", **options: Any) -> EmbeddingProfile:
    """Return a profile of `server`; a host written as 127.1 counts as another machine, and leads here."""
    base_url = server.url.replace("127.0.0.1", host)
    return profiles.create_profile("Remote", backend="openai", model="m", options={"base_url": base_url, **options})


def found(profile: EmbeddingProfile, texts: Texts, trials: Trials = PLAIN, *, may_send: bool = False) -> Finding:
    result = lab.find(profile, texts, trials, may_send=may_send)
    assert isinstance(result, Finding), result
    return result


def reason(profile: EmbeddingProfile, texts: Texts) -> str:
    result = lab.find(profile, texts, PLAIN, may_send=False)
    assert isinstance(result, Failed), result
    return result.reason


# --- texts ------------------------------------------------------------------------------------------------------------


def test_texts_are_lines_or_paragraphs() -> None:
    typed = "  one\r\ntwo \r\n\r\n \t\r\n三\u3000\r\n"
    assert lab.split(typed, paragraphs=False) == ("one", "two", "三")
    assert lab.split(typed, paragraphs=True) == ("one\ntwo", "三")
    assert lab.split(" \n\u3000\n", paragraphs=True) == lab.split("", paragraphs=False) == ()


def test_more_than_a_page_answers_for_is_refused_with_the_limit() -> None:
    with pytest.raises(TooMuch, match="These are 41 texts; at most 40"):
        Texts(("a",) * 41)
    with pytest.raises(TooMuch, match="Text 2 has 4001 characters; at most 4000"):
        Texts(("a", "字" * 4001))
    with pytest.raises(TooMuch, match="The query has 4001 characters"):
        Texts(("a",), query="q" * 4001)
    with pytest.raises(TooMuch, match="42000 characters together; at most 40000"):
        Texts(("a" * 3500,) * 12)
    assert len(Texts(("a" * 1000,) * 40).passages) == 40


def test_other_texts_have_another_digest() -> None:
    several = [Texts(("a", "b")), Texts(("ab",)), Texts(("b", "a")), Texts(("b",), query="a"), Texts(("a b",))]
    assert len({texts.digest for texts in several}) == len(several)


# --- what is found ----------------------------------------------------------------------------------------------------


def test_the_default_model_finds_what_its_authors_publish() -> None:
    """It may run in bfloat16, whose eight bits of mantissa move a cosine by up to 0.002 here, measured 0.0015."""
    profile = profiles.create_profile("MiniLM", backend="local")
    finding = found(
        profile, Texts(("The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."))
    )
    assert finding.scores == pytest.approx([0.6660, 0.1046, 0.1411], abs=0.002)
    assert [(item.first, item.second) for item in finding.ranking] == [(0, 1), (1, 2), (0, 2)]
    assert finding.norms == pytest.approx(1.0, abs=1e-6)
    assert finding.embedded.vectors.shape == (3, 384)
    assert finding.embedded.tokens == (8, 9, 8)
    assert not finding.embedded.is_estimate


def test_every_two_texts_are_compared_and_equal_ones_are_the_same_point(hashing: EmbeddingProfile) -> None:
    finding = found(hashing, Texts(("猫 睡觉", "a dog 🐕 runs", "猫 睡觉")))
    assert [(item.first, item.second, item.cosine, item.distance) for item in finding.ranking[:1]] == [(0, 2, 1.0, 0.0)]
    assert len(finding.ranking) == 3
    assert finding.cosines.shape == finding.distances.shape == (3, 3)


def test_a_query_is_embedded_as_a_query_and_the_texts_as_passages(server: EmbeddingServer) -> None:
    profile = remote(server, query_prefix="query: ", passage_prefix="passage: ")
    server.requests.clear()
    finding = found(profile, Texts(("alpha", "beta"), query="which?"))
    asked = [text for request in server.requests for text in request["input"]]
    assert {"query: which?", "passage: alpha", "passage: beta"} <= set(asked)
    assert "passage: which?" not in asked
    # A third of the bytes, prefix included.
    assert (finding.embedded.query_tokens, finding.embedded.tokens) == (5, (5, 5))
    embedder = profiles.embedder_for(profile)
    expected = embedder.embed_passages(["alpha", "beta"]) @ embedder.embed_query("which?")
    assert finding.scores == pytest.approx(expected.tolist(), abs=1e-6)
    assert [item.first for item in finding.ranking] == [None, None]
    assert finding.ranking[0].cosine == max(finding.scores)


def test_one_text_alone_has_no_pairs(hashing: EmbeddingProfile) -> None:
    finding = found(hashing, Texts(("alone",)), Trials(dimensions=(8,), quantise=True))
    assert (finding.ranking, finding.scores) == ([], [])
    assert {variant.agreement.spearman for variant in finding.variants} == {None}


def test_shorter_and_coarser_vectors_are_held_against_the_full_ones(hashing: EmbeddingProfile) -> None:
    texts = Texts(tuple(f"text number {number} of the dozen" for number in range(12)), query="number 7")
    finding = found(hashing, texts, Trials(dimensions=(128, 64, 32), quantise=True, k=5))
    tried = [(variant.dimensions, variant.is_quantised, variant.bytes_per_vector) for variant in finding.variants]
    assert tried == [(64, True, 68), (32, False, 128), (32, True, 36)]
    assert finding.impossible == [128]
    coarse, short, _both = finding.variants
    assert coarse.largest_error < 0.01 < short.largest_error
    assert coarse.agreement.recall == 1.0
    assert short.agreement.k == 5
    # What is said of the shorter vectors is what comes of cutting them by hand.
    embedded = finding.embedded
    assert embedded.query is not None
    cut, cut_query = embedded.vectors[:, :32], embedded.query[:32]
    by_hand = cut @ cut_query / np.linalg.norm(cut, axis=1) / np.linalg.norm(cut_query)
    order_before, order_after = (
        np.argsort(-np.array(finding.scores), kind="stable"),
        np.argsort(-by_hand, kind="stable"),
    )
    moved = {int(item) for before, item in enumerate(order_before) if list(order_after).index(item) != before}
    assert {move.item for move in short.moves} == moved
    assert short.largest_error == pytest.approx(np.abs(by_hand - finding.scores).max(), abs=1e-6)


def test_two_profiles_agree_as_far_as_they_rank_alike(hashing: EmbeddingProfile) -> None:
    other = profiles.create_profile("Other", backend="meaningless", options={"dimensions": 48})
    texts = Texts(("one two", "two three", "three four"), query="two")
    findings = [found(profile, texts) for profile in (hashing, other, hashing)]
    agreements = lab.agreements(findings, k=1)
    assert [(one.name, two.name) for one, two, _ in agreements] == [
        ("Hash", "Other"), ("Hash", "Hash"), ("Other", "Hash"),
    ]  # fmt: skip
    same = agreements[1][2]
    assert (same.spearman, same.kendall, same.recall) == (1.0, 1.0, 1.0)


# --- what does not work -----------------------------------------------------------------------------------------------


def test_a_server_that_is_down_is_told_and_pauses_nothing(server: EmbeddingServer) -> None:
    profile = remote(server, dimensions=24)
    server.shutdown()
    server.server_close()
    assert "cannot be reached" in reason(profile, Texts(("a", "b")))
    profile.refresh_from_db()
    assert profile.paused_until is None


def test_a_paused_profile_is_not_asked(server: EmbeddingServer) -> None:
    profile = remote(server)
    outages.pause(profile, EmbedderUnavailable("Nobody answers."))
    profile.refresh_from_db()
    server.requests.clear()
    assert "The profile is paused: Nobody answers. It is tried again by itself" in reason(profile, Texts(("a", "b")))
    assert server.requests == []


def test_a_profile_that_cannot_work_says_what_to_do(hashing: EmbeddingProfile) -> None:
    hashing.backend = "gone"
    assert "There is no embedding backend 'gone'. Choose one of" in reason(hashing, Texts(("a", "b")))
    hashing.backend, hashing.options = "meaningless", {"dimensions": 32}
    assert "no longer gives the vectors of the profile" in reason(hashing, Texts(("a", "b")))


def test_what_a_backend_does_not_explain_is_logged(
    hashing: EmbeddingProfile, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(profile: EmbeddingProfile) -> None:
        raise RuntimeError("CUDA")

    monkeypatch.setattr("collections_app.lab.embedding.embedder_for", broken)
    with caplog.at_level(logging.ERROR):
        assert "look at the site's log" in reason(hashing, Texts(("a", "b")))
    assert "CUDA" in caplog.text


# --- what leaves this machine, and what is kept -----------------------------------------------------------------------


def test_texts_go_to_other_machines_only_when_somebody_agreed(server: EmbeddingServer) -> None:
    profile = remote(server, host="127.1")
    server.requests.clear()
    texts = Texts(("a" * 30, "b" * 60), query="c" * 9)
    assert lab.find(profile, texts, PLAIN, may_send=False) == Unsent(profile, "127.1", 33, is_estimate=True)
    assert server.requests == []
    found(profile, texts, may_send=True)
    asked = [text for request in server.requests for text in request["input"]]
    assert sorted(asked) == sorted([*texts.passages, texts.query])


def test_this_machine_is_asked_without_ado(server: EmbeddingServer) -> None:
    for host in ("127.0.0.1", "localhost", "model.localhost"):
        assert profiles.embedder_for(_unsaved(server, host)).recipient == ""
    for host in ("127.1", "10.0.0.7", "api.openai.com"):
        assert profiles.embedder_for(_unsaved(server, host)).recipient == host


def _unsaved(server: EmbeddingServer, host: str) -> EmbeddingProfile:
    from collections_app.embeddings import load_embedder

    options = {"base_url": server.url.replace("127.0.0.1", host), "dimensions": 24}
    fingerprint = load_embedder("openai", model="m", options=options).fingerprint
    return EmbeddingProfile(name="x", backend="openai", model="m", options=options, fingerprint=fingerprint)


def test_the_same_texts_are_embedded_once_and_nothing_is_stored(server: EmbeddingServer) -> None:
    profile = remote(server, host="127.1")
    first = found(profile, Texts(("a", "b")), may_send=True)
    server.requests.clear()
    again = found(profile, Texts(("a", "b")), Trials(dimensions=(8,)))
    assert server.requests == []
    assert (first.embedded.is_remembered, again.embedded.is_remembered) == (False, True)
    assert (again.embedded.vectors == first.embedded.vectors).all()
    assert again.embedded.milliseconds == first.embedded.milliseconds
    assert not Embedding.objects.exists()


# --- files ------------------------------------------------------------------------------------------------------------


def test_json_holds_vectors_that_are_the_very_same_numbers(hashing: EmbeddingProfile) -> None:
    texts = Texts(("猫 sleeps", "dogs run 🐕"), query="cats?")
    finding = found(hashing, texts, Trials(dimensions=(16,), quantise=True, k=1))
    failed = Failed(EmbeddingProfile(name="Down"), "Start it.")
    written = json.loads(json.dumps(lab.as_json(texts, [finding, failed], k=1), allow_nan=False))
    assert (written["query"], written["texts"]) == ("cats?", ["猫 sleeps", "dogs run 🐕"])
    known, broken = written["profiles"]
    assert (known["name"], known["dimensions"], known["fingerprint"]) == ("Hash", 64, hashing.fingerprint)
    assert (np.array(known["vectors"], dtype=np.float32) == finding.embedded.vectors).all()
    assert (np.array(known["query_vector"], dtype=np.float32) == finding.embedded.query).all()
    best = finding.ranking[0]
    assert known["ranking"][0] == {"position": 1, "text": best.second, "cosine": best.cosine, "distance": best.distance}
    assert [(one["dimensions"], one["numbers"]) for one in known["variants"]] == [
        (64, "int8"), (16, "float32"), (16, "int8"),
    ]  # fmt: skip
    assert broken["error"] == "Start it."


def test_numpy_reads_the_files_without_pickles(hashing: EmbeddingProfile) -> None:
    other = profiles.create_profile("另一个", backend="meaningless", options={"dimensions": 48})
    for texts, words in (
        (Texts(("猫", "dog 🐕")), ["猫", "dog 🐕"]),
        (Texts(("猫", "dog 🐕"), query="q"), ["q", "猫", "dog 🐕"]),
    ):
        one, two = (found(profile, texts).embedded for profile in (hashing, other))
        rows = np.load(io.BytesIO(lab.as_npy(one)), allow_pickle=False)
        assert (rows.dtype, rows.shape) == (np.float32, (len(words), 64))
        assert (rows[-2:] == one.vectors).all()
        with np.load(io.BytesIO(lab.as_npz(texts, [one, two])), allow_pickle=False) as archive:
            assert archive["texts"].tolist() == words
            assert archive["profiles"].tolist() == ["Hash", "另一个"]
            assert (archive["vectors_0"] == rows).all()
            assert archive["vectors_1"].shape == (len(words), 48)
