"""What dropped collections leave on the disk of a Chroma server."""

from pathlib import Path

from collections_app.vectorstores.chroma import ChromaVectorStore
from collections_app.vectorstores.chroma_folder import remove_leftovers
from tests.chroma_server import ChromaServer
from tests.contracts.stored_vectors import contents, records, spec


def test_only_the_files_of_dropped_collections_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / "chroma"
    with ChromaServer(folder) as server:
        store = ChromaVectorStore(url=server.url)
        for name in ("kept", "dropped"):
            store.create(spec(name, sync_threshold=2))
            store.upsert(name, records(range(100)))
        store.drop("dropped")
        before = contents(store, "kept")
    (folder / "not-a-segment").mkdir()
    (removed,) = remove_leftovers(folder)
    assert not removed.exists()
    assert (folder / "not-a-segment").exists()
    assert remove_leftovers(folder) == []
    with ChromaServer(folder) as server:
        assert contents(ChromaVectorStore(url=server.url), "kept") == before


def test_who_is_told_the_folder_removes_what_a_drop_leaves_there(tmp_path: Path) -> None:
    folder = tmp_path / "chroma"
    with ChromaServer(folder) as server:
        store = ChromaVectorStore(url=server.url, folder=folder)
        for name in ("kept", "dropped"):
            store.create(spec(name, sync_threshold=2))
            store.upsert(name, records(range(100)))
        before = contents(store, "kept")
        assert len([path for path in folder.iterdir() if path.is_dir()]) == 2
        store.drop("dropped")
        assert len([path for path in folder.iterdir() if path.is_dir()]) == 1
        assert contents(store, "kept") == before


def test_a_folder_without_a_database_or_with_a_damaged_one_is_left_alone(tmp_path: Path) -> None:
    segment = tmp_path / "7f3e9a52-3a0e-4c0f-9d53-3a2b7f5c1e00"
    segment.mkdir()
    assert remove_leftovers(tmp_path) == []
    (tmp_path / "chroma.sqlite3").write_text("this is no database")
    assert remove_leftovers(tmp_path) == []
    assert segment.exists()
