"""At rest: is the site in step, by its tables and its store as they are, and by the journal?

The definitions are those of the design's invariant 7, written down here a second time on purpose.
"""

import hashlib
import struct
from collections import defaultdict
from collections.abc import Collection as Sized
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.chaos.journal import Journal
from tests.chaos.truth import Database, Store

TOLERANCE = 1e-4
_EXAMPLES = 5


@dataclass(slots=True)
class Findings:
    """What is wrong, a sentence each."""

    sentences: list[str] = field(default_factory=list)

    def find(self, what: str, examples: Sized[Any]) -> None:
        """Note that these break the rule `what`."""
        if examples:
            some = ", ".join(map(repr, sorted(examples, key=repr)[:_EXAMPLES]))
            self.sentences.append(f"at rest: {what}: {len(examples)} ({some})")


class Projection:
    """What the site holds of one collection."""

    def __init__(self, database: Database, store: Store, slug: str) -> None:
        self._database = database
        self._store = store
        self._slug = slug
        self.collection = database.value(
            "SELECT id FROM collections_app_collection WHERE slug = ? AND deleted_at IS NULL", slug
        )

    # --- rest -------------------------------------------------------------------------------------------------

    def unrest(self) -> dict[str, int]:
        """Count what is still to be done, by what it is; empty at rest, when only tombstones may be left."""
        ours = "index_id IN (SELECT id FROM collections_app_vectorindex WHERE collection_id = ? AND state <> 'dropped')"
        asked = {
            "entries pending": f"indexentry WHERE {ours} AND state = 'pending'",
            "leases": f"indexentry WHERE {ours} AND lease_token IS NOT NULL",
            "staged chunks": f"chunk WHERE {ours} AND state = 'staged'",
            "retired chunks not removed": f"chunk WHERE {ours} AND state = 'retired' AND removed_at IS NULL",
            "physical collections not ready": f"physicalcollection WHERE {ours} AND state NOT IN ('ready', 'dropped')",
            "indexes being built": "vectorindex WHERE collection_id = ? AND state = 'building'",
            "documents without entry": (
                "document d WHERE collection_id = ? AND deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM "
                "collections_app_indexentry e WHERE e.document_id = d.id)"
            ),
        }
        counts = {
            what: self._database.value(f"SELECT count(*) FROM collections_app_{rest}", self.collection)
            for what, rest in asked.items()
        }
        return {what: count for what, count in counts.items() if count}

    def tombstones(self, *, older_than: float = 0) -> int:
        """Count retired chunks whose ids were removed from the store so many seconds ago or earlier."""
        age = self._database.seconds_since("c.removed_at")
        return int(
            self._database.value(
                "SELECT count(*) FROM collections_app_chunk c JOIN collections_app_vectorindex i ON i.id = c.index_id "
                f"WHERE i.collection_id = ? AND i.state <> 'dropped' AND c.state = 'retired' AND {age} >= ?",
                self.collection,
                older_than,
            )
        )

    # --- in step ----------------------------------------------------------------------------------------------

    def examine(self, journal: Journal, *, poison: Sized[str] = ()) -> list[str]:
        """Return what is not in step; `poison` are the keys of documents that are to have failed, and no others."""
        findings = Findings()
        texts = self._documents(journal, findings)
        indexes = self._database.rows(
            "SELECT id, generation FROM collections_app_vectorindex WHERE collection_id = ? AND state <> 'dropped'",
            self.collection,
        )
        for index_id, generation in indexes:
            _Index(self._database, self._store, index_id, generation, findings).examine(texts, poison)
        self._unknown_collections(findings)
        return findings.sentences

    def _documents(self, journal: Journal, findings: Findings) -> dict[int, tuple[str, int, str]]:
        """Compare SQL's documents with the journal; return key, revision and text by id."""
        rows = self._database.rows(
            "SELECT d.id, d.key, d.revision, t.text FROM collections_app_document d "
            "JOIN collections_app_documenttext t ON t.id = d.content_id "
            "WHERE d.collection_id = ? AND d.deleted_at IS NULL",
            self.collection,
        )
        held = {key: text for _, key, _, text in rows}
        for key in journal.known():
            # At rest, the last acknowledged write is in force, or one after it that nobody acknowledged.
            possible = journal.possible(key, float("inf"), float("inf"))
            if held.get(key) not in possible:
                findings.find("a document is not what was last written", [key])
        findings.find("documents that nobody wrote", set(held) - set(journal.known()))
        return {pk: (key, revision, text) for pk, key, revision, text in rows}

    def _unknown_collections(self, findings: Findings) -> None:
        site = str(self._database.value("SELECT site_id FROM collections_app_siteidentity")).replace("-", "")
        known = self._database.rows("SELECT name FROM collections_app_physicalcollection WHERE state <> 'dropped'")
        in_store = {name for name in self._store.collections() if name.startswith(f"vectorsite-{site[:8]}-")}
        findings.find("collections in the store that SQL does not know", in_store - {name for (name,) in known})


@dataclass(slots=True)
class _Chunk:
    document: int
    text: str
    start: int
    end: int
    revision: int
    embedding: int | None
    source: str


class _Index:
    """One index of the collection against SQL and the store."""

    def __init__(self, database: Database, store: Store, pk: int, generation: int, findings: Findings) -> None:
        self._database = database
        self._store = store
        self._pk = pk
        self._generation = generation
        self._findings = findings

    def examine(self, documents: dict[int, tuple[str, int, str]], poison: Sized[str]) -> None:
        live = self._live_chunks()
        self._entries(documents, poison, live)
        self._texts(documents, poison, live)
        vectors = self._embeddings(live)
        self._lexical_rows(live)
        self._records(live, vectors)

    def _live_chunks(self) -> dict[int, _Chunk]:
        rows = self._database.rows(
            "SELECT c.id, c.document_id, c.text, c.start, c." + '"end"' + ", c.revision, c.embedding_id, t.text "
            "FROM collections_app_chunk c JOIN collections_app_documenttext t ON t.id = c.source_text_id "
            "WHERE c.index_id = ? AND c.state = 'live' ORDER BY c.position",
            self._pk,
        )
        return {row[0]: _Chunk(*row[1:]) for row in rows}

    def _entries(self, documents: dict[int, tuple[str, int, str]], poison: Sized[str], live: dict[int, _Chunk]) -> None:
        rows = self._database.rows(
            "SELECT document_id, state, wanted_revision, indexed_revision, chunk_count, text_digest, error "
            "FROM collections_app_indexentry WHERE index_id = ?",
            self._pk,
        )
        find, known = self._findings.find, {row[0] for row in rows}
        find("part 1: documents without an entry", set(documents) - known)
        find("part 1: entries without a living document", known - set(documents))
        recorded: dict[int, list[str]] = defaultdict(list)
        for chunk in live.values():
            recorded[chunk.document].append(chunk.text)
        for document, state, wanted, indexed, count, digest, error in rows:
            key, revision, _ = documents.get(document, ("", 0, ""))
            if key in poison:
                find(f"part 2: planted poison is {state}", [key] if state != "failed" else [])
                continue
            find(f"part 2: {state}: {error[:200]}", [key] if state != "indexed" else [])
            find(
                "part 2: wanted or indexed is not the document's revision",
                [key] if {wanted, indexed} != {revision} else [],
            )
            if (count, digest) != _digest(recorded[document]):
                find("part 3: count and digest recorded at the flip are not those of the live rows", [key])

    def _texts(self, documents: dict[int, tuple[str, int, str]], poison: Sized[str], live: dict[int, _Chunk]) -> None:
        """Compare the passages that are live with the documents: no passage too many, no word too few."""
        by_document: dict[int, list[_Chunk]] = defaultdict(list)
        for chunk in live.values():
            by_document[chunk.document].append(chunk)
        find = self._findings.find
        find("live passages of no living document", set(by_document) - set(documents))
        for pk, (key, _, text) in documents.items():
            chunks = by_document[pk]
            if key in poison:
                continue
            if any(chunk.text not in text or chunk.source[chunk.start : chunk.end] != chunk.text for chunk in chunks):
                find("live passages that the document does not hold", [key])
            if "".join("".join(chunk.text for chunk in chunks).split()) != "".join(text.split()):
                find("the live passages are not the whole document", [key])

    def _embeddings(self, live: dict[int, _Chunk]) -> dict[int, np.ndarray[Any, Any]]:
        rows = self._database.rows(
            "SELECT c.id, e.vector, p.dimensions FROM collections_app_chunk c "
            "JOIN collections_app_embedding e ON e.id = c.embedding_id "
            "JOIN collections_app_embeddingprofile p ON p.id = e.profile_id "
            "WHERE c.index_id = ? AND c.state = 'live'",
            self._pk,
        )
        vectors, wrong = {}, []
        for pk, raw, dimensions in rows:
            vector = np.array(struct.unpack(f"<{len(raw) // 4}f", bytes(raw)))
            vectors[pk] = vector
            if len(vector) != dimensions or not np.isclose(np.linalg.norm(vector), 1, atol=TOLERANCE):
                wrong.append(pk)
        self._findings.find("part 4: live chunks without an embedding", set(live) - set(vectors))
        self._findings.find("part 4: embeddings that are no vector of the profile", wrong)
        return vectors

    def _lexical_rows(self, live: dict[int, _Chunk]) -> None:
        rows = self._database.rows("SELECT chunk_id FROM collections_app_lexicalrow WHERE index_id = ?", self._pk)
        self._findings.find("part 5: live chunks without a lexical row", set(live) - {pk for (pk,) in rows})
        self._findings.find("part 5: lexical rows of no live chunk", {pk for (pk,) in rows} - set(live))

    def _records(self, live: dict[int, _Chunk], vectors: dict[int, np.ndarray[Any, Any]]) -> None:
        find = self._findings.find
        (name,) = self._database.rows(
            "SELECT name FROM collections_app_physicalcollection WHERE index_id = ? AND generation = ?",
            self._pk,
            self._generation,
        )[0]
        collections = self._store.collections()
        if name not in collections:
            find("part 6: the collection is not in the store", [name])
            return
        records = {pk: (vector, metadata) for pk, vector, metadata in self._store.records(collections[name])}
        find("part 6: live ids missing in the store", set(live) - set(records))
        find("part 6: ids in the store that are not live", set(records) - set(live))
        both = set(live) & set(records) & set(vectors)
        find(
            "part 6: vectors altered",
            [pk for pk in both if not np.allclose(records[pk][0], vectors[pk], atol=TOLERANCE)],
        )
        find(
            "part 6: metadata altered",
            [
                pk
                for pk in both
                if (records[pk][1].get("_document"), records[pk][1].get("_revision"))
                != (live[pk].document, live[pk].revision)
            ],
        )


def _digest(texts: list[str]) -> tuple[int, str]:
    whole = hashlib.sha256()
    for text in texts:
        whole.update(hashlib.sha256(text.encode()).digest())
    return len(texts), whole.hexdigest()
