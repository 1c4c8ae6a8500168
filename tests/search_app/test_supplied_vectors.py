"""Documents that come with their vectors are found by likeness and words, and by meaning where a model is named."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from collections_app import audit, calibration, portable, profiles, services
from collections_app.embeddings.registry import load_embedder
from collections_app.health.embedders import embedders
from collections_app.health.finding import Level
from collections_app.models import (
    Chunk,
    ChunkState,
    Collection,
    Document,
    Embedding,
    EmbeddingProfile,
    EntryState,
    Import,
    ImportOutcome,
    IndexEntry,
    TrailRecord,
)
from search_app.degradation import Code
from search_app.request import Likeness, Mode
from tests.collections_app.collection_files import import_file
from tests.conftest import Drain, live_texts, save, serving_index
from tests.search_app.conftest import ask, keys, where

pytestmark = pytest.mark.django_db

TEXTS = {"cats": "Cats purr at night.", "dogs": "Dogs bark at night.", "猫": "猫在屋顶上睡觉。🐈", "rain": "It rains."}


def vectors_of(texts: Sequence[str], *, scale: float = 1.0) -> np.ndarray:
    """Return what a model that this site has too would have supplied."""
    return load_embedder("meaningless").embed_passages(list(texts)) * scale


def write(path: Path, rows: Sequence[Any]) -> str:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def rows_with_vectors(**more: Any) -> list[dict[str, Any]]:
    vectors = vectors_of(list(TEXTS.values()), scale=3.0)
    return [
        {"id": key, "text": text, "embedding": vector.tolist(), "year": 2000 + number, **more}
        for number, ((key, text), vector) in enumerate(zip(TEXTS.items(), vectors, strict=True))
    ]


def supply(path: str, *more: str, drain: Drain, model: str = "theirs") -> Collection:
    call_command("import_embeddings", path, "--collection", "Theirs", "--model", model, "--no-wait", *more)
    collection = Collection.objects.get(name="Theirs")
    drain(collection)
    return collection


def stored(collection: Collection) -> dict[str, np.ndarray]:
    chunks = Chunk.objects.filter(index=collection.serving_index, state=ChunkState.LIVE)
    rows = chunks.values_list("text", "embedding__vector")
    return {text: np.frombuffer(vector, dtype="<f4") for text, vector in rows}


def test_without_a_model_words_and_likeness_find_and_the_answer_says_why(tmp_path: Path, drain: Drain) -> None:
    collection = supply(write(tmp_path / "rows.jsonl", rows_with_vectors()), drain=drain)
    assert set(live_texts(collection)) == set(TEXTS.values())
    for text, vector in stored(collection).items():
        np.testing.assert_allclose(vector, vectors_of([text])[0], atol=1e-6)
    found = ask(collection, "cats at night")
    assert keys(found)[0] == "cats"
    assert {reason.code for reason in found.degraded} == {Code.NO_QUESTION_MODEL, Code.WORDS_ALONE}
    assert keys(ask(collection, "night", filter=where(collection, year__gte="2001"))) == ["dogs"]
    like = Likeness(document=Document.objects.get(key="cats"))
    similar = ask(collection, "", like=like)
    assert (keys(similar)[0], similar.degraded) == ("dogs", ())
    index = serving_index(collection)
    assert audit.audit_index(index, deep=True).in_step
    assert calibration.calibrate(index) is None
    profiles.check_canary(index.profile)
    assert [finding.level for finding in embedders()] == [Level.OK]


def test_a_named_model_answers_by_meaning_and_embeds_what_comes_without_a_vector(tmp_path: Path, drain: Drain) -> None:
    own = profiles.default_profile()
    path = write(tmp_path / "rows.jsonl", rows_with_vectors())
    collection = supply(path, "--questions-by", own.name, drain=drain)
    profile = serving_index(collection).profile
    assert (profile.backend, profile.dimensions, profile.canary) == ("supplied", own.dimensions, own.canary)
    assert Embedding.objects.count() == Embedding.objects.filter(profile=profile).count() == 4
    found = ask(collection, "Cats purr at night.", mode=Mode.SEMANTIC)
    assert (keys(found)[0], found.degraded) == ("cats", ())
    assert found.hits[0].score == pytest.approx(1.0, abs=1e-5)
    save(collection, "new", "A document of this site's own.")
    drain(collection)
    assert keys(ask(collection, "A document of this site's own.", mode=Mode.SEMANTIC))[0] == "new"


def test_a_model_that_gives_other_vectors_is_refused_for_questions(tmp_path: Path) -> None:
    strangers = np.random.default_rng(1).normal(size=(4, 64))
    rows = [row | {"embedding": vector.tolist()} for row, vector in zip(rows_with_vectors(), strangers, strict=True)]
    path = write(tmp_path / "rows.jsonl", rows)
    own = profiles.default_profile()
    with pytest.raises(CommandError, match="gives other vectors than those supplied"):
        call_command("import_embeddings", path, "--collection", "T", "--model", "m", "--questions-by", own.name)
    other = profiles.create_profile("Other", backend="meaningless", options={"dimensions": 48})
    with pytest.raises(CommandError, match="not of the same model"):
        call_command("import_embeddings", path, "--collection", "T", "--model", "m", "--questions-by", other.name)
    assert not Collection.objects.exists()
    assert EmbeddingProfile.objects.count() == 2


def test_passages_are_those_that_the_vectors_were_supplied_for(tmp_path: Path, drain: Drain) -> None:
    stretches = ["First. Two sentences stay together.", "第二段。", "third 🚀"]
    passages = [
        {"text": text, "embedding": vector.tolist()}
        for text, vector in zip(stretches, vectors_of(stretches), strict=True)
    ]
    path = write(tmp_path / "rows.jsonl", [{"key": "a", "title": "A title", "passages": passages, "kind": "x"}])
    collection = supply(path, drain=drain)
    assert live_texts(collection) == stretches
    document = Document.objects.get()
    assert (document.text, document.metadata) == ("\n\n".join(stretches), {"kind": "x"})
    for text, vector in stored(collection).items():
        np.testing.assert_allclose(vector, vectors_of([text])[0], atol=1e-6)
    other = services.start_rebuild(collection, profile=profiles.default_profile())
    assert other.profile.backend == "meaningless"


def test_vectors_may_lie_in_a_numpy_file_beside(tmp_path: Path, drain: Drain) -> None:
    texts = ["one", "two", "three"]
    rows = [{"key": "a", "passages": [{"text": "one"}, {"text": "two"}]}, {"key": "b", "text": "three"}]
    path = write(tmp_path / "rows.jsonl", rows)
    beside = tmp_path / "vectors.npy"
    np.save(beside, vectors_of(texts).astype(np.float16))
    collection = supply(path, "--vectors", str(beside), drain=drain)
    for text, vector in stored(collection).items():
        np.testing.assert_allclose(vector, vectors_of([text])[0], atol=1e-3)
        assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(
    ("vectors", "reason"),
    [
        (np.ones((2, 4)), "wants more"),
        (np.ones((4, 4)), "4 vectors for 3 passages"),
        (np.ones(4), "one matrix"),
        (np.ones((3, 4), dtype=np.int32), "floating-point"),
        (np.array([[1, 2], [0, 0], [1, 1]], dtype=np.float32), "zero or not finite"),
        (np.array([[1, 2], [np.nan, 0], [1, 1]], dtype=np.float32), "zero or not finite"),
        (np.array([{"a": 1}], dtype=object), "no NumPy file"),
    ],
)
def test_a_numpy_file_that_does_not_fit_is_refused_as_a_whole(tmp_path: Path, vectors: Any, reason: str) -> None:
    path = write(tmp_path / "rows.jsonl", [{"key": str(number), "text": f"text {number}"} for number in range(3)])
    beside = tmp_path / "vectors.npy"
    np.save(beside, vectors, allow_pickle=True)
    with pytest.raises(CommandError, match=reason):
        call_command("import_embeddings", path, "--vectors", str(beside), "--collection", "T", "--model", "m")
    assert not Collection.objects.exists()


BROKEN: dict[str, tuple[Any, str]] = {
    "no vector": ({"key": "x", "text": "a"}, "no vector"),
    "null": ({"key": "x", "text": "a", "embedding": None}, "no vector"),
    "a text": ({"key": "x", "text": "a", "embedding": "[1, 2]"}, "no list of numbers"),
    "nested": ({"key": "x", "text": "a", "embedding": [[1, 2]]}, "no list of numbers"),
    "ragged": ({"key": "x", "text": "a", "embedding": [1, [2]]}, "no list of numbers"),
    "empty": ({"key": "x", "text": "a", "embedding": []}, "no list of numbers"),
    "zeros": ({"key": "x", "text": "a", "embedding": [0.0] * 64}, "zero or not finite"),
    "infinite": ({"key": "x", "text": "a", "embedding": [float("inf")] * 64}, "zero or not finite|no list"),
    "not a number": ({"key": "x", "text": "a", "embedding": [float("nan")] * 64}, "zero or not finite"),
    "no text": ({"key": "x", "embedding": [1.0] * 64}, "no text"),
    "a blank passage": ({"key": "x", "passages": [{"text": " ", "embedding": [1.0] * 64}]}, "no text"),
    "no passages": ({"key": "x", "passages": []}, "no list of objects"),
    "a list": ([1, 2], "no JSON object"),
    "a key that is a list": ({"key": [1], "text": "a", "embedding": [1.0] * 64}, "no simple value"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_row_without_a_usable_vector_fails_alone(kind: str, tmp_path: Path, drain: Drain, capsys: Any) -> None:
    row, reason = BROKEN[kind]
    path = write(tmp_path / "rows.jsonl", [*rows_with_vectors(), row])
    with pytest.raises(SystemExit):
        supply(path, drain=drain)
    (told,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  failed: ")]
    assert told.startswith("  failed: rows.jsonl#row-5: ")
    assert any(part in told for part in reason.split("|"))
    assert Document.objects.count() == 4


def test_vectors_of_several_lengths_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [*rows_with_vectors(), {"key": "x", "text": "a", "embedding": [1.0, 2.0]}])
    with pytest.raises(CommandError, match="2 dimensions, and those before it have 64"):
        call_command("import_embeddings", path, "--collection", "T", "--model", "m")
    assert not Collection.objects.exists()
    assert not EmbeddingProfile.objects.exists()


def test_running_it_again_changes_nothing_and_takes_what_changed(tmp_path: Path, drain: Drain, capsys: Any) -> None:
    rows = rows_with_vectors()
    collection = supply(write(tmp_path / "rows.jsonl", rows), drain=drain)
    capsys.readouterr()
    item = Import.objects.get().items.get()
    assert (item.key, item.outcome, item.created) == ("rows.jsonl", ImportOutcome.CREATED, 4)
    act = TrailRecord.objects.get(action="imported")
    assert (act.object_id, act.details) == (collection.public_id, {"documents": 4, "vectors": 4})
    supply(write(tmp_path / "rows.jsonl", rows), drain=drain)
    assert "0 documents taken, 0 updated, 4 unchanged; 0 new vectors" in capsys.readouterr().out
    changed = {"id": "rain", "text": "It snows.", "embedding": vectors_of(["It snows."])[0].tolist()}
    supply(write(tmp_path / "rows.jsonl", [*rows[:3], changed]), drain=drain)
    assert "It snows." in live_texts(collection)
    assert "It rains." not in live_texts(collection)


def test_another_vector_for_the_same_text_is_refused(tmp_path: Path, drain: Drain, capsys: Any) -> None:
    rows = rows_with_vectors()
    collection = supply(write(tmp_path / "rows.jsonl", rows), drain=drain)
    before = stored(collection)
    rows[0]["embedding"] = list(reversed(rows[0]["embedding"]))
    with pytest.raises(SystemExit):
        supply(write(tmp_path / "rows.jsonl", rows), drain=drain)
    assert "another vector for this very text" in capsys.readouterr().out
    assert {text: vector.tobytes() for text, vector in stored(collection).items()} == {
        text: vector.tobytes() for text, vector in before.items()
    }


def test_a_text_that_is_edited_fails_with_the_remedy_and_its_older_version_stays(tmp_path: Path, drain: Drain) -> None:
    collection = supply(write(tmp_path / "rows.jsonl", rows_with_vectors()), drain=drain)
    save(collection, "new", "No vector was supplied for this.")
    drain(collection)
    entry = IndexEntry.objects.get(document__key="new")
    assert entry.state != EntryState.INDEXED
    assert "Import it again with its vector" in entry.error
    assert len(live_texts(collection)) == 4


def test_a_collection_of_this_sites_own_model_takes_none(tmp_path: Path) -> None:
    services.create_collection("Theirs")
    path = write(tmp_path / "rows.jsonl", rows_with_vectors())
    with pytest.raises(CommandError, match="Choose another name"):
        call_command("import_embeddings", path, "--collection", "Theirs", "--model", "m")


@pytest.mark.parametrize("questions", [False, True])
def test_such_a_collection_travels_in_a_collection_file(tmp_path: Path, drain: Drain, questions: bool) -> None:
    more = ["--questions-by", profiles.default_profile().name] if questions else []
    collection = supply(write(tmp_path / "rows.jsonl", rows_with_vectors()), *more, drain=drain)
    portable.export_collection(collection, tmp_path / "theirs.zip")
    before = stored(collection)
    EmbeddingProfile.objects.filter(backend="supplied").update(fingerprint="0" * 64, name="Former")
    act, taken = import_file(tmp_path / "theirs.zip", name="Copy")
    assert (taken.created, taken.vectors) == (4, 4)
    drain(act.collection)
    assert {text: vector.tobytes() for text, vector in stored(act.collection).items()} == {
        text: vector.tobytes() for text, vector in before.items()
    }
    found = ask(act.collection, "Cats purr at night.", mode=Mode.SEMANTIC)
    assert (keys(found)[0], bool(found.degraded)) == ("cats", not questions)
