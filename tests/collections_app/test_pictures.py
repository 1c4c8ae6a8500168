"""Making the picture of an index: what is planted is found, and what cannot be drawn is no error."""

import uuid
from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from collections_app import pictures, services, sweeping, tasks
from collections_app.models import Chunk, ChunkState, Collection, Document, Embedding, IndexPicture, IndexState
from collections_app.pictures import Picture, making
from tests.conftest import Drain, save, serving_index

pytestmark = pytest.mark.django_db

TOPICS = {
    "garden": "roses tulips soil water seeds spade flowers green beds hedge",
    "kitchen": "knife oven flour butter sugar recipe bake salt bowl spoon",
    "harbour": "ship anchor sails waves captain rope deck storm tide lighthouse",
}


@pytest.fixture
def planted(collection: Collection, drain: Drain) -> Collection:
    """Forty documents about each of three topics, a near-duplicate of one, and one that is like nothing else."""
    rows = [
        services.DocumentInput(
            key=f"{topic} {number}", text=f"{words} {' '.join(words.split()[number % 7 :])} n{number}"
        )
        for topic, words in TOPICS.items()
        for number in range(40)
    ]
    rows.append(services.DocumentInput(key="copy", text=rows[50].text))
    rows.append(services.DocumentInput(key="alone", text="quaternions obey Hamilton"))
    assert all(saved.error is None for saved in services.save_documents(collection, rows))
    drain(collection)
    return collection


def made(collection: Collection) -> Picture:
    index = serving_index(collection)
    assert pictures.make(index)
    picture = pictures.read(index)
    assert picture
    return picture


def key_of(chunk_id: int) -> str:
    return Chunk.objects.select_related("document").get(pk=chunk_id).document.key


def test_planted_clusters_are_found_with_their_words_and_nearest_passages(planted: Collection) -> None:
    picture = made(planted)
    place = [len(division.clusters) for division in picture.findings.divisions].index(3)
    labels = picture.labels[place]
    topics = np.array([key_of(int(chunk)).split()[0] for chunk in picture.chunks])
    for topic, words in TOPICS.items():
        (label,) = set(labels[topics == topic].tolist())
        cluster = picture.findings.divisions[place].clusters[label]
        told = {term.word for term in cluster.terms}
        assert len(told) >= 5
        assert told <= set(words.split())
        assert {topics[near] for near in cluster.nearest} <= {topic, "copy"}
    assert 3 <= len(picture.findings.divisions[picture.findings.chosen].clusters) <= 5


def test_a_planted_duplicate_and_a_planted_outlier_come_first(planted: Collection) -> None:
    findings = made(planted).findings
    pair = findings.pairs[0]
    assert {key_of(pair.earlier), key_of(pair.later)} == {"kitchen 10", "copy"}
    assert pair.cosine == pytest.approx(1, abs=1e-5)
    assert key_of(findings.outliers[0].chunk) == "alone"
    assert findings.outliers[0].closeness < 0.5 < findings.outliers[-1].closeness


def test_the_map_has_a_place_for_each_passage_and_says_what_its_axes_explain(planted: Collection) -> None:
    picture = made(planted)
    assert picture.live == pictures.live_now(serving_index(planted))
    assert len(picture.chunks) == picture.live[0] == 122
    assert picture.coordinates.shape == (122, 2)
    first, second = picture.findings.explained
    assert 1 > first > second > 0
    # Topics keep together: each is nearer to its own middle than to those of the others.
    topics = np.array([key_of(int(chunk)).split()[0] for chunk in picture.chunks])
    middles = np.stack([picture.coordinates[topics == topic].mean(axis=0) for topic in TOPICS])
    for number, topic in enumerate(TOPICS):
        distances = np.linalg.norm(picture.coordinates[topics == topic][:, None] - middles[None], axis=2)
        assert (distances.argmin(axis=1) == number).mean() > 0.9


def test_a_larger_collection_is_drawn_by_a_sample_and_compared_as_a_whole(
    planted: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = made(planted).findings
    monkeypatch.setattr(making, "MOST_ON_MAP", 30)
    monkeypatch.setattr(making, "_BLOCK", 50)
    sampled = made(planted)
    assert (len(sampled.chunks), sampled.findings.compared) == (30, 122)
    np.testing.assert_allclose(sampled.findings.explained, whole.explained, atol=1e-6)
    assert sampled.findings.pairs[0].earlier == whole.pairs[0].earlier
    assert [outlier.chunk for outlier in sampled.findings.outliers][:5] == [o.chunk for o in whole.outliers][:5]
    again = made(planted)
    assert again.chunks.tolist() == sampled.chunks.tolist()
    assert again.made_as != sampled.made_as


@pytest.mark.parametrize("texts", [[], ["one"], ["same words", "same words", "same words"]])
def test_what_does_not_vary_has_a_picture_too(collection: Collection, drain: Drain, texts: list[str]) -> None:
    for number, text in enumerate(texts):
        save(collection, str(number), text)
    drain(collection)
    picture = made(collection)
    findings = picture.findings
    assert (findings.compared, findings.explained) == (len(texts), [0, 0])
    assert not picture.coordinates.any()
    assert findings.divisions == []
    assert len(findings.pairs) == max(0, len(texts) - 1)


def test_passages_without_a_usable_vector_are_left_out(planted: Collection) -> None:
    chunks = list(Chunk.objects.filter(index=planted.serving_index_id).order_by("pk")[:2])
    Chunk.objects.filter(pk=chunks[0].pk).update(embedding=None)
    Embedding.objects.filter(chunks=chunks[1]).update(vector=np.full(64, np.nan, dtype="<f4").tobytes())
    picture = made(planted)
    # The copy and its original share a vector; the second chunk's own is no other's.
    assert picture.findings.compared == 120
    Chunk.objects.filter(index=planted.serving_index_id).update(embedding=None)
    assert made(planted).findings.compared == 0


def test_every_change_of_what_is_live_puts_the_picture_out_of_date(planted: Collection, drain: Drain) -> None:
    picture, index = made(planted), serving_index(planted)
    assert picture.live == pictures.live_now(index)
    save(planted, "alone", "quaternions obey Hamilton", title="A title")
    drain(planted)
    assert picture.live != pictures.live_now(index)
    picture = made(planted)
    Document.objects.filter(collection=planted, key="alone").delete()
    assert picture.live != pictures.live_now(index)


def test_one_worker_makes_it_at_a_time_and_takes_over_from_one_that_vanished(planted: Collection) -> None:
    index = serving_index(planted)
    IndexPicture.objects.create(index=index, maker_expires_at=timezone.now() + timedelta(minutes=1))
    assert pictures.is_being_made(index)
    assert not pictures.make(index)
    assert pictures.read(index) is None
    IndexPicture.objects.update(maker_expires_at=timezone.now() - timedelta(seconds=1))
    assert not pictures.is_being_made(index)
    assert pictures.make(index)
    assert not pictures.is_being_made(index)


def test_work_that_is_ended_stores_nothing(planted: Collection) -> None:
    def end() -> None:
        raise KeyboardInterrupt

    before = made(planted)
    with pytest.raises(KeyboardInterrupt):
        pictures.make(serving_index(planted), breathe=end)
    after = pictures.read(serving_index(planted))
    assert after
    assert after.made_as == before.made_as


def test_the_task_makes_pictures_of_indexes_that_serve_and_of_no_others(planted: Collection) -> None:
    index = serving_index(planted)
    tasks.picture_index(index.pk)
    assert pictures.read(index)
    IndexPicture.objects.all().delete()
    index.state = IndexState.STANDBY
    index.save()
    tasks.picture_index(index.pk)
    assert not IndexPicture.objects.exists()


def test_a_place_names_a_passage_of_one_making_only(planted: Collection) -> None:
    picture, index = made(planted), serving_index(planted)
    assert pictures.chunk_at(index, picture.made_as, 5) == picture.chunks[5]
    assert pictures.chunk_at(index, picture.made_as, len(picture.chunks)) is None
    assert pictures.chunk_at(index, uuid.uuid4(), 5) is None


def test_the_picture_of_a_dropped_index_is_removed(planted: Collection) -> None:
    made(planted)
    index = serving_index(planted)
    index.state = IndexState.DROPPED
    index.save()
    sweeping.tidy()
    assert not IndexPicture.objects.exists()
    assert Chunk.objects.filter(index=index, state=ChunkState.LIVE).exists()
