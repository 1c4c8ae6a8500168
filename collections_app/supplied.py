"""Rows of JSON that come with their vectors: bring your own embeddings. See docs/portable-collections.md.

The vectors go where all embeddings are kept, under a profile of the backend `supplied`. The documents are saved as
ever, and the workers take each passage as it was given.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from django.db import transaction
from numpy.typing import NDArray

from collections_app import fields, services
from collections_app.accounting import Account
from collections_app.chunking import embedding_input
from collections_app.drafts import MAX_TITLE, clean
from collections_app.embeddings import load_embedder
from collections_app.embeddings.keys import seal, unseal
from collections_app.exceptions import InvalidDocument, InvalidImport
from collections_app.extraction import Segment
from collections_app.extraction.json_rows import parse
from collections_app.extraction.tables import KEY_NAMES, NESTED_METADATA, TEXT_NAMES, TITLE_NAMES
from collections_app.models import Collection, EmbeddingProfile, Purpose, User
from collections_app.profiles import SUPPLIED, create_profile, embedder_for, free_name
from collections_app.trail import record
from collections_app.vectors import digest_of, keep_vectors

VECTOR, PASSAGES = "embedding", "passages"
# Between passages, so that they stay apart when the document is read as a whole.
_GAP = "\n\n"
# A line with a text of the greatest length, or with thousands of passages and their vectors.
LONGEST_LINE = 256 * 2**20
_BATCH = 200
# Of so many passages a named model has to give the supplied vectors again, on average as near as this cosine.
_SAMPLE, _SIMILARITY = 8, 0.9
# What rounding may change in a vector that was supplied twice.
_SAME = 0.999

Vector = NDArray[np.float32]


@dataclass(slots=True)
class Supplied(services.Tally):
    """What became of the rows, and how many of their vectors are new."""

    vectors: int = 0


@dataclass(frozen=True, slots=True)
class Survey:
    """What a look through all rows told: how many passages have vectors, of which length, and some of them."""

    passages: int
    dimensions: int
    texts: list[str]
    vectors: list[Vector]


@dataclass(frozen=True, slots=True)
class Row:
    """A document and the unit vectors of its passages, in their order."""

    document: services.DocumentInput
    vectors: list[Vector]

    def inputs(self) -> list[str]:
        """Return what a worker looks a vector up by, for each passage."""
        title = " ".join(clean(self.document.title).split())[:MAX_TITLE]
        stretches = (self.document.text[segment.start : segment.end] for segment in self.document.segments)
        return [embedding_input(title, {}, stretch) for stretch in stretches]


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that is no document with vectors, and why."""

    key: str
    reason: str


@dataclass(slots=True)
class Rows:
    """The rows of a JSON Lines file, and where they have none the vectors of a NumPy file, one for each passage.

    Iterating reads the file anew, a line at a time.
    """

    path: Path
    beside: Path | None = None
    _matrix: NDArray[Any] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if not self.path.is_file():
            raise InvalidImport(f"There is no file {self.path}.")
        if self.beside:
            self._matrix = _matrix_of(self.beside)

    @property
    def count(self) -> int | None:
        """Return how many vectors are in the file beside, None without one."""
        return None if self._matrix is None else len(self._matrix)

    def __iter__(self) -> Iterator[Row | Problem]:
        taken = 0
        for number, line in self._lines():
            name = f"{self.path.name}#row-{number}"
            try:
                values = parse(line.decode())
                if not isinstance(values, dict):
                    raise InvalidDocument("It is no JSON object.")
                passages = _passages_of(values)
                vectors = self._vectors(passages, taken)
                taken += len(passages)
                yield _row(values, name, passages, vectors)
            except (ValueError, RecursionError, InvalidDocument) as error:
                if self._matrix is not None:
                    raise InvalidImport(
                        f"Line {number} of {self.path.name}: {error} Correct it: the vectors beside it are told apart "
                        "by their order, so no row may be left out."
                    ) from error
                yield Problem(name, str(error))

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        with self.path.open("rb") as stream:
            number = 0
            while line := stream.readline(LONGEST_LINE + 1):
                number += 1
                if len(line) > LONGEST_LINE:
                    raise InvalidImport(f"Line {number} of {self.path.name} is longer than {LONGEST_LINE:,} bytes.")
                if line.strip():
                    yield number, line

    def _vectors(self, passages: Sequence[Mapping[str, Any]], taken: int) -> list[Vector]:
        if self._matrix is None:
            return [_unit(passage.get(VECTOR)) for passage in passages]
        if any(VECTOR in passage for passage in passages):
            raise InvalidDocument(f"It has vectors of its own ({VECTOR}), and there is a file of vectors beside it.")
        if taken + len(passages) > len(self._matrix):
            raise InvalidDocument(f"There are {len(self._matrix):,} vectors, and this row wants more.")
        return [_unit(row) for row in self._matrix[taken : taken + len(passages)]]


def _matrix_of(path: Path) -> NDArray[Any]:
    try:
        matrix = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InvalidImport(f"{path} is no NumPy file (.npy) that can be read: {error}.") from None
    if not isinstance(matrix, np.ndarray) or matrix.ndim != 2 or matrix.dtype.kind != "f" or not matrix.shape[1]:
        raise InvalidImport(f"{path} must hold one matrix of floating-point numbers: a row for each passage.")
    return matrix


def _unit(given: object) -> Vector:
    """Return a vector of length 1, float32 [d]; raise InvalidDocument for what is none."""
    if given is None:
        raise InvalidDocument(f"It has no vector ({VECTOR}).")
    try:
        vector = np.asarray(given, dtype=np.float64)
    except (ValueError, TypeError):
        vector = np.empty((0, 0))
    if vector.ndim != 1 or not len(vector):
        raise InvalidDocument(f"Its vector ({VECTOR}) is no list of numbers.")
    length = float(np.linalg.norm(vector))
    if not np.isfinite(length) or length <= 0:
        raise InvalidDocument(f"Its vector ({VECTOR}) is zero or not finite.")
    unit: Vector = (vector / length).astype("<f4")
    return unit


def _passages_of(values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the passages of a row, each with its text; a row without a list of them is one passage."""
    if PASSAGES not in values:
        text = _first(values, TEXT_NAMES)
        return [{"text": text} | ({VECTOR: values[VECTOR]} if VECTOR in values else {})]
    given = values[PASSAGES]
    if not isinstance(given, list) or not given or not all(isinstance(passage, dict) for passage in given):
        raise InvalidDocument(f"Its {PASSAGES} are no list of objects with a text and a vector.")
    return given


def _first(values: Mapping[str, Any], names: Sequence[str]) -> str:
    value = next((values[name] for name in names if values.get(name) is not None), "")
    if isinstance(value, dict | list):
        raise InvalidDocument(f"One of {', '.join(names)} is no simple value.")
    return clean(str(value))


def _row(values: Mapping[str, Any], name: str, passages: Sequence[Mapping[str, Any]], vectors: list[Vector]) -> Row:
    text, segments = "", []
    for passage in passages:
        stretch = passage.get("text")
        if not isinstance(stretch, str) or not clean(stretch).strip():
            raise InvalidDocument("A passage has no text.")
        text += _GAP if text else ""
        segments.append(Segment("passage", "", 0, len(text), len(text) + len(clean(stretch))))
        text += clean(stretch)
    used = {VECTOR, PASSAGES, *TEXT_NAMES, *KEY_NAMES, *TITLE_NAMES}
    nested = values.get(NESTED_METADATA)
    unfolded = dict(nested) if isinstance(nested, dict) else {}
    rest = {
        key: value for key, value in values.items() if key not in used and not (unfolded and key == NESTED_METADATA)
    }
    document = services.DocumentInput(
        key=_first(values, KEY_NAMES) or name,
        title=_first(values, TITLE_NAMES),
        text=text,
        metadata={**unfolded, **rest},
        segments=tuple(segments),
    )
    return Row(document, vectors)


# --- before anything is written -----------------------------------------------------------------------------------


def survey(rows: Rows) -> Survey:
    """Look through all rows; raise InvalidImport if the vectors are of different lengths, too many, or none."""
    passages, dimensions = 0, 0
    texts: list[str] = []
    vectors: list[Vector] = []
    for row in rows:
        if isinstance(row, Problem):
            continue
        for vector, segment in zip(row.vectors, row.document.segments, strict=True):
            dimensions = dimensions or len(vector)
            if len(vector) != dimensions:
                raise InvalidImport(
                    f"The document {row.document.key!r} has a vector of {len(vector)} dimensions, and those before it "
                    f"have {dimensions}. All have to be of one model."
                )
            if len(texts) < _SAMPLE:
                texts.append(row.document.text[segment.start : segment.end])
                vectors.append(vector)
            passages += 1
    if not passages:
        raise InvalidImport(f"No row of {rows.path.name} is a document with a vector ({VECTOR}).")
    if rows.count is not None and rows.count != passages:
        raise InvalidImport(f"There are {rows.count:,} vectors for {passages:,} passages; each needs one.")
    return Survey(passages, dimensions, texts, vectors)


def profile_of(found: Survey, *, model: str, questions_by: EmbeddingProfile | None) -> EmbeddingProfile:
    """Return the profile of supplied vectors of a model, made if there is none; nothing but a sample is embedded.

    `questions_by` is a profile of this site with the same model. It is proved to be so: raises InvalidImport if it does
    not give some of the supplied vectors again.
    """
    options: dict[str, Any] = {"dimensions": found.dimensions}
    if questions_by:
        _prove(found, questions_by)
        options["questions"] = {
            "backend": questions_by.backend,
            "model": questions_by.model,
            "options": questions_by.options,
        }
    key = unseal(questions_by.sealed_key) if questions_by and questions_by.sealed_key else ""
    secret = {"sealed_api_key": seal(key)} if key else {}
    fingerprint = load_embedder(SUPPLIED, model=model, options=options | secret).fingerprint
    known = EmbeddingProfile.objects.filter(fingerprint=fingerprint).first()
    if known:
        return known
    name = free_name(f"{model[:60]} (supplied)")
    return create_profile(name, backend=SUPPLIED, model=model, options=options, key=key)


def _prove(found: Survey, profile: EmbeddingProfile) -> None:
    if profile.backend == SUPPLIED:
        raise InvalidImport(f"The profile {profile.name!r} is of supplied vectors itself. Name one that has a model.")
    if profile.dimensions != found.dimensions:
        raise InvalidImport(
            f"The supplied vectors have {found.dimensions} dimensions and those of {profile.name!r} have "
            f"{profile.dimensions}: they are not of the same model. Name another profile, or none."
        )
    with Account(profile, None, Purpose.UPKEEP).charged(found.texts):
        again = embedder_for(profile).embed_passages(found.texts)
    likeness = float(np.mean(np.sum(again * np.stack(found.vectors), axis=1)))
    if likeness < _SIMILARITY:
        raise InvalidImport(
            f"The profile {profile.name!r} gives other vectors than those supplied (their cosine is {likeness:.2f} on "
            f"average of {len(found.texts)} passages): questions would be compared with what another model says. Name "
            "the profile of the model that made them, or none to search by words and likeness alone."
        )


# --- writing ------------------------------------------------------------------------------------------------------


def take(rows: Rows, collection: Collection, *, user: User | None = None) -> Supplied:
    """Keep the vectors and save the documents, in constant memory; a row that does not fit fails alone.

    The collection's index has to be of the profile of these vectors. Running it again changes nothing.
    """
    index = collection.serving_index
    if index is None or index.profile.backend != SUPPLIED:
        raise InvalidImport(
            f"The collection {collection.name!r} is embedded by a model of this site. Supplied vectors need a "
            "collection of their own; choose another name."
        )
    taken = Supplied()
    fields.declare(collection, (row.document.metadata for row in rows if isinstance(row, Row)))
    for saved in services.save_documents(collection, _documents(rows, index.profile, taken), user=user):
        taken.count(saved)
    record(user, "imported", collection, documents=taken.created + taken.updated, vectors=taken.vectors)
    return taken


def _documents(rows: Rows, profile: EmbeddingProfile, taken: Supplied) -> Iterator[services.DocumentInput]:
    batch: list[Row] = []
    for row in rows:
        if isinstance(row, Problem):
            taken.failures.append((row.key, row.reason))
            continue
        batch.append(row)
        if sum(len(each.vectors) for each in batch) >= _BATCH:
            yield from _with_vectors(batch, profile, taken)
            batch = []
    yield from _with_vectors(batch, profile, taken)


def _with_vectors(batch: Sequence[Row], profile: EmbeddingProfile, taken: Supplied) -> Iterator[services.DocumentInput]:
    """Keep the vectors of some rows, and yield those documents whose vectors are the ones that are kept."""
    digests = [[digest_of(text) for text in row.inputs()] for row in batch]
    raw: dict[bytes, bytes] = {}
    for row, its_digests in zip(batch, digests, strict=True):
        for digest, vector in zip(its_digests, row.vectors, strict=True):
            raw.setdefault(digest, vector.tobytes())
    with transaction.atomic():
        new, stored = keep_vectors(profile, raw)
    taken.vectors += new
    for row, its_digests in zip(batch, digests, strict=True):
        pairs = zip(its_digests, row.vectors, strict=True)
        if any(len(vector) != profile.dimensions or stored[digest].vector @ vector < _SAME for digest, vector in pairs):
            reason = (
                f"The model {profile.model!r} has another vector for this very text and title already. If it was made "
                "by another version of the model, give that another name."
            )
            taken.failures.append((row.document.key, reason))
            continue
        yield row.document
