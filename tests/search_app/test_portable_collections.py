"""A collection that was exported is found in an empty site with the same scores, and nothing is embedded for it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.models import Model
from django.test import override_settings

from collections_app import audit, fields, portable, services
from collections_app.embeddings.hashing import MeaninglessHashEmbedder
from collections_app.embeddings.registry import load_embedder
from collections_app.exceptions import EmbeddingInputRefused
from collections_app.models import Chunk, Collection, Document, Embedding, EmbeddingProfile, VectorIndex
from collections_app.vectorstores import load_vector_store
from search_app.request import Mode
from search_app.search import SearchResponse
from tests.chroma_server import ChromaServer
from tests.conftest import Drain, serving_index
from tests.search_app.conftest import ask, where

pytestmark = pytest.mark.django_db

TEXTS = {
    "alien": "A crew meets a creature in space.",
    "gravity": "An astronaut drifts in space after a collision.",
    "ran": "# Ran\n\nA lord divides his land among three sons.\n\n## The end\n\nThe castle burns. 🔥",
    "红楼梦": "# 红楼梦\n\n贾宝玉和林黛玉在大观园里相遇。\n\n## 结局\n\n宝玉出家，大雪白茫茫一片真干净。",
    "emoji": "🚀🚀🚀 to the moon 🌕",
}
CHUNK = ("text", "start", "end", "position", "locator", "language")
DOCUMENT = ("key", "title", "metadata", "language", "language_override", "size")
QUESTIONS = ["astronaut in space", "宝玉在哪里", "three sons", "🚀 moon", "castle burns", "nothing like it"]


class NoPassages(MeaninglessHashEmbedder):
    """Embeds questions, and refuses every passage."""

    def embed_passages(self, texts: Any) -> Any:
        raise EmbeddingInputRefused("A passage was embedded that came with its vector.")


@pytest.fixture
def on_chroma(tmp_path: Path, ask_the_store: Callable[..., None]) -> Iterator[None]:
    """Have a real server store the passages, and be asked for the nearest ones."""
    with ChromaServer(tmp_path / "chroma") as server:
        options = {"url": server.url, "timeout": 20.0}
        chroma = {"BACKEND": "collections_app.vectorstores.chroma.ChromaVectorStore", "OPTIONS": options}
        with override_settings(VECTOR_STORES={"default": chroma}):
            ask_the_store(most=1000)
            yield


@pytest.fixture
def shelf(db: None, drain: Drain) -> Collection:
    """An indexed collection with fields, segments, weights and settings of its own."""
    collection = services.create_collection(
        "Shelf 书架", description="Films and books.", time_zone="Asia/Shanghai", chunk_size=16, chunk_overlap=4
    )
    VectorIndex.objects.filter(pk=serving_index(collection).pk).update(
        hnsw={"ef_search": 64},
        semantic_weight=0.35,
        calibration={
            "documents": 5,
            "questions": 41,
            "embedded": 82,
            "semantic": 0.4,
            "lexical": 0.6,
            "hybrid": 0.7,
            "weight": 0.35,
            "languages": {
                "en": {"questions": 40, "semantic": 0.4, "lexical": 0.6, "hybrid": 0.7, "weight": 0.25},
            },
        },
    )
    rows = [
        services.DocumentInput(
            key=key,
            title=key.title(),
            text=text,
            markup="markdown" if text.startswith("#") else "plain",
            metadata={"year": 1979 + number, "tags": ["a", key], "code": "00123", "when": "2020-01-01 08:00"},
            language="zh" if key == "红楼梦" else "",
        )
        for number, (key, text) in enumerate(TEXTS.items())
    ]
    fields.declare(collection, [dict(row.metadata) for row in rows])
    assert all(saved.error is None for saved in services.save_documents(collection, rows))
    drain(collection)
    return collection


@pytest.fixture
def exported(shelf: Collection, tmp_path: Path) -> Path:
    path = tmp_path / "shelf.vectorsite.zip"
    portable.export_collection(shelf, path)
    return path


@pytest.fixture
def refusing_passages() -> Iterator[None]:
    with override_settings(
        EMBEDDERS={**settings.EMBEDDERS, "meaningless": {"BACKEND": f"{__name__}.NoPassages", "OPTIONS": {}}}
    ):
        yield


def empty_the_site() -> None:
    """Leave nothing of any collection, in SQL and in the store, and no vector and no profile."""
    store = load_vector_store("default")
    for known in store.collections():
        store.drop(known.name)
    tables = [table for table in connection.introspection.table_names() if table.startswith("collections_app_")]
    with connection.constraint_checks_disabled(), connection.cursor() as cursor:
        for table in tables:
            if table not in {"collections_app_user", "collections_app_siteidentity"}:
                cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")
    assert not Embedding.objects.exists()
    assert not EmbeddingProfile.objects.exists()


def answers(
    collection: Collection, questions: Sequence[str] = QUESTIONS, modes: Iterable[Mode] = Mode
) -> list[list[tuple[str, float, str]]]:
    """Ask questions in several modes, with and without a filter, and return what is found, to the last digit."""
    found = []
    for question in questions:
        for mode in modes:
            for conditions in ({}, {"year__gte": "1980"}, {"tags__any": "ran,红楼梦"}):
                response = ask(collection, question, mode=mode, filter=where(collection, **conditions))
                found.append(told(response))
    return found


def rows_of(model: type[Model], *columns: str) -> list[tuple[Any, ...]]:
    return list(model._default_manager.order_by("pk").values_list(*columns))


def told(response: SearchResponse) -> list[tuple[str, float, str]]:
    return [(hit.document.key, hit.score, hit.chunk.text) for hit in response.hits]


def test_the_same_questions_have_the_same_answers_and_scores_in_an_empty_site(
    shelf: Collection, exported: Path, drain: Drain, refusing_passages: None
) -> None:
    before = answers(shelf)
    assert sum(map(len, before)) > 50
    chunks, documents = rows_of(Chunk, *CHUNK), rows_of(Document, *DOCUMENT)
    empty_the_site()
    call_command("import_collection", str(exported), "--no-wait")
    collection = Collection.objects.get()
    drain(collection)
    assert answers(collection) == before
    assert rows_of(Chunk, *CHUNK) == chunks
    assert rows_of(Document, *DOCUMENT) == documents
    index = serving_index(collection)
    assert (index.chunk_size, index.chunk_overlap, index.hnsw) == (16, 4, {"ef_search": 64})
    assert (index.semantic_weight, index.calibration["languages"]["en"]["weight"]) == (0.35, 0.25)
    assert index.calibrated_at is not None
    assert (collection.name, collection.slug) == (shelf.name, shelf.slug)
    assert (collection.description, collection.time_zone) == ("Films and books.", "Asia/Shanghai")
    assert collection.visibility == shelf.visibility
    assert load_embedder("meaningless").fingerprint == index.profile.fingerprint


@pytest.mark.chroma
@pytest.mark.timeout(300)
def test_a_real_store_that_is_empty_is_filled_with_the_vectors_of_the_file(
    on_chroma: None, shelf: Collection, exported: Path, drain: Drain, refusing_passages: None
) -> None:
    before = answers(shelf, QUESTIONS[:2], [Mode.SEMANTIC])
    empty_the_site()
    call_command("import_collection", str(exported), "--no-wait")
    collection = Collection.objects.get()
    drain(collection)
    assert answers(collection, QUESTIONS[:2], [Mode.SEMANTIC]) == before
    assert audit.audit_index(serving_index(collection), deep=True).in_step
