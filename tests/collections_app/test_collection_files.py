"""Collections as files: whole or not at all, resumed after an interruption, in constant memory."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from collections_app import calibration, passages, portable, services, sync
from collections_app.exceptions import CollectionFileRefused
from collections_app.models import (
    Chunk,
    ChunkState,
    Collection,
    Document,
    Embedding,
    Import,
    TrailRecord,
    VectorIndex,
    Visibility,
)
from collections_app.portable import importing
from tests.collections_app.collection_files import import_file
from tests.conftest import Drain, live_texts, save, serving_index
from tests.peak_memory import peak

pytestmark = pytest.mark.django_db


def fill(collection: Collection, count: int, *, length: int = 1) -> None:
    documents = (
        services.DocumentInput(key=str(number), text=f"Text number {number} says: {number % 7 * 'well '}" * length)
        for number in range(count)
    )
    assert all(saved.error is None for saved in services.save_documents(collection, documents))


def export(collection: Collection, path: Path) -> portable.Exported:
    return portable.export_collection(collection, path)


def test_an_export_is_there_as_a_whole_or_not_at_all(
    collection: Collection, drain: Drain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(collection, 5)
    drain(collection)
    path = tmp_path / "notes.zip"
    path.write_bytes(b"an older one")

    def fail(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("collections_app.portable.exporting._add", fail)
        with pytest.raises(CollectionFileRefused, match="No space left"):
            export(collection, path)
    assert path.read_bytes() == b"an older one"
    assert list(tmp_path.iterdir()) == [path]
    assert not TrailRecord.objects.filter(action="exported").exists()
    assert export(collection, path).counts.documents == 5
    assert list(tmp_path.iterdir()) == [path]


def test_an_index_that_is_switched_meanwhile_ends_the_export(
    collection: Collection, drain: Drain, tmp_path: Path
) -> None:
    fill(collection, 3)
    drain(collection)

    def switch() -> None:
        other = services.start_rebuild(collection, chunk_size=32)
        sync.drain(other.pk)
        Collection.objects.filter(pk=collection.pk).update(serving_index=other)

    with pytest.raises(CollectionFileRefused, match="took over while it was exported"):
        portable.export_collection(collection, tmp_path / "notes.zip", breathe=switch)
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_indexed_yet_comes_without_vectors_and_is_told(
    collection: Collection, drain: Drain, tmp_path: Path
) -> None:
    fill(collection, 3)
    drain(collection)
    save(collection, "1", "Another text, not indexed yet.")
    save(collection, "2", "Text number 2 says: well well ", title="With a title now")
    Document.objects.filter(pk=save(collection, "gone", "Deleted.").pk).delete()
    done = export(collection, tmp_path / "notes.zip")
    assert (done.counts.documents, done.counts.chunks, done.counts.vectors, done.unindexed) == (3, 1, 1, 2)
    drain(collection)
    act, _taken = import_file(tmp_path / "notes.zip")
    drain(act.collection)
    assert live_texts(act.collection) == live_texts(collection)


def test_equal_texts_share_a_vector_in_the_file_too(collection: Collection, drain: Drain, tmp_path: Path) -> None:
    for key in ("a", "b", "c"):
        save(collection, key, "The same text.")
    drain(collection)
    counts = export(collection, tmp_path / "notes.zip").counts
    assert (counts.documents, counts.chunks, counts.vectors) == (3, 3, 1)
    act, _taken = import_file(tmp_path / "notes.zip")
    drain(act.collection)
    assert Chunk.objects.filter(index=act.collection.serving_index, state=ChunkState.LIVE).count() == 3


def test_an_empty_collection_travels_too(collection: Collection, tmp_path: Path) -> None:
    assert export(collection, tmp_path / "notes.zip").counts.documents == 0
    act, taken = import_file(tmp_path / "notes.zip")
    assert (taken.created, act.collection.name, act.collection.slug) == (0, "Notes", "notes-2")
    act.collection.refresh_from_db()
    assert act.collection.visibility == Visibility.PUBLIC


def test_an_interrupted_import_is_private_and_goes_on_when_it_is_run_again(
    collection: Collection, drain: Drain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(collection, 450)
    drain(collection)
    path = tmp_path / "notes.zip"
    export(collection, path)
    documents = portable.CollectionFile.documents
    interrupted = False

    def some_documents(file: portable.CollectionFile) -> Iterator[Any]:
        for number, document in enumerate(documents(file)):
            if interrupted and number == 300:
                raise KeyboardInterrupt
            yield document

    monkeypatch.setattr(portable.CollectionFile, "documents", some_documents)
    take = importing.take

    with monkeypatch.context() as killed:

        def take_until_killed(*args: Any, **options: Any) -> Any:
            nonlocal interrupted
            interrupted = True
            return take(*args, **options)

        killed.setattr(portable, "take", take_until_killed)
        with pytest.raises(KeyboardInterrupt):
            import_file(path, name="Copy")
    interrupted = False
    half = Collection.objects.get(name="Copy")
    assert (half.visibility, half.documents.count()) == (Visibility.PRIVATE, 200)
    drain(half)
    assert calibration.due() != half.serving_index_id
    act, taken = import_file(path, name="Copy")
    assert (act.collection, taken.created, taken.unchanged, taken.vectors) == (half, 250, 200, 0)
    half.refresh_from_db()
    assert (half.visibility, half.documents.count()) == (Visibility.PUBLIC, 450)
    another, _taken = import_file(path, name="Copy")
    assert another.collection != half
    assert Import.objects.filter(options__finished=True).count() == 2


def test_an_import_does_not_overwrite_what_the_site_embedded_itself(
    collection: Collection, drain: Drain, tmp_path: Path
) -> None:
    fill(collection, 3)
    drain(collection)
    export(collection, tmp_path / "notes.zip")
    before = dict(Embedding.objects.values_list("pk", "vector"))
    _act, taken = import_file(tmp_path / "notes.zip")
    assert taken.vectors == 0
    assert dict(Embedding.objects.values_list("pk", "vector")) == before


def test_a_site_that_cuts_texts_otherwise_says_so_and_embeds_what_differs(
    collection: Collection, drain: Drain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(collection, 3, length=8)
    VectorIndex.objects.filter(pk=serving_index(collection).pk).update(chunk_size=16)
    drain(collection)
    export(collection, tmp_path / "notes.zip")
    cut = passages.cut

    def otherwise(text: str, **options: Any) -> Any:
        return cut(text, **options | {"capacity": 12})

    monkeypatch.setattr(passages, "cut", otherwise)
    with portable.open_collection_file(tmp_path / "notes.zip") as file:
        plan = portable.plan_import(file)
        verified = portable.check(file, plan)
        assert (verified.sampled, verified.cut_otherwise) == (3, 3)
        (remark,) = portable.remarks(file, plan, verified)
    assert "cuts texts otherwise" in remark
    act, _taken = import_file(tmp_path / "notes.zip")
    drain(act.collection)
    assert len(live_texts(act.collection)) > len(live_texts(collection))


def test_the_commands_say_what_they_did(collection: Collection, drain: Drain, tmp_path: Path, capsys: Any) -> None:
    fill(collection, 3)
    drain(collection)
    path = tmp_path / "notes.zip"
    call_command("export_collection", "notes", "-o", str(path))
    assert f"{path}: 3 documents, 3 passages, 3 vectors; {path.stat().st_size:,} bytes." in capsys.readouterr().out
    with pytest.raises(CommandError, match="--force"):
        call_command("export_collection", "notes", "-o", str(path))
    with pytest.raises(CommandError, match="no collection 'other'"):
        call_command("export_collection", "other", "-o", str(path), "--force")
    with pytest.raises(CommandError, match="no embedding profile 'P'"):
        call_command("import_collection", str(path), "--profile", "P")
    call_command("import_collection", str(path), "--name", "二号", "--visibility", "private", "--no-wait")
    told = capsys.readouterr().out
    assert "二号 (slug 二号): 3 documents taken, 0 were there; 0 vectors; 0 failed." in told
    copy = Collection.objects.get(name="二号")
    assert copy.visibility == Visibility.PRIVATE
    drain(copy)
    call_command("import_collection", str(path), "--name", "三号", "--no-wait")
    assert serving_index(copy).profile == serving_index(collection).profile


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_documents(
    db: None, drain: Drain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Buffers of the size of the smaller collection would hide what grows.
    for buffer in ("exporting._READ", "archive._READ", "verification.BATCH_BYTES"):
        monkeypatch.setattr(f"collections_app.portable.{buffer}", 1 << 14)
    monkeypatch.setattr("collections_app.portable.exporting._IDS", 200)
    peaks = []
    for count in (300, 1200):
        collection = services.create_collection(f"Notes {count}")
        fill(collection, count)
        drain(collection)
        path = tmp_path / f"{count}.zip"
        out = peak(lambda collection=collection, path=path: export(collection, path))  # type: ignore[misc]
        back = peak(lambda path=path: import_file(path))  # type: ignore[misc]
        peaks.append((out, back))
    (small_out, small_back), (large_out, large_back) = peaks
    assert large_out < 1.5 * small_out
    assert large_back < 1.5 * small_back
