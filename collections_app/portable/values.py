"""What a collection file says, as values: the manifest and the lines of its members, checked as they are read.

The format is specified in docs/portable-collections.md. Nothing here trusts the file: each value has its type and its
bounds, or the file is refused with the place and the remedy.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, get_args

from collections_app.exceptions import CollectionFileRefused
from collections_app.extraction.document import Markup, Segment, SegmentKind
from collections_app.metadata import FieldType

FORMAT, VERSION = "vectorsite-collection", 1
MEDIA_TYPE = "application/vnd.vectorsite.collection+zip"
SUFFIX = ".vectorsite.zip"

MANIFEST = "manifest.json"
DOCUMENTS = "documents.jsonl"
CHUNKS = "chunks.jsonl"
KEYS = "vectors/passage.keys.npy"
VECTORS = "vectors/passage.npy"
MEMBERS = (DOCUMENTS, CHUNKS, KEYS, VECTORS)

DIGEST_BYTES = 32
MOST_DIMENSIONS = 65_536
MOST_FIELDS = 1000
MOST_TEXT = 20_000_000
# Of places in a text that is at most so long; also what an integer column takes on every database.
MOST = 2**31 - 1
# Settings of the graph, each with the most that no store breaks of.
_HNSW = {
    "ef_construction": 10_000,
    "ef_search": 10_000,
    "max_neighbors": 1_000,
    "batch_size": 10_000_000,
    "sync_threshold": 10_000_000,
}
_EVIDENCE = ("semantic", "lexical", "hybrid", "weight")


class Facts:
    """A JSON object out of a file, whose values are taken one by one, each with what it may be."""

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise CollectionFileRefused(f"{where} is {_kind(value)} where an object is expected. {_REMEDY}")
        self._values: dict[str, Any] = value
        self._where = where

    def part(self, name: str) -> "Facts":
        return Facts(self._values.get(name), f"{self._where}: {name}")

    def parts(self, name: str, *, most: int = MOST) -> "list[Facts]":
        return [
            Facts(each, f"{self._where}: {name}[{number}]") for number, each in enumerate(self.items(name, most=most))
        ]

    def items(self, name: str, *, most: int = MOST) -> list[Any]:
        value = self._values.get(name)
        if not isinstance(value, list) or len(value) > most:
            raise self._refusal(name, f"a list of at most {most:,}")
        return value

    def raw(self, name: str) -> dict[str, Any]:
        """Return an object as it is; what it means, somebody else checks."""
        value = self._values.get(name)
        if not isinstance(value, dict):
            raise self._refusal(name, "an object")
        return value

    def text(self, name: str, *, most: int, least: int = 0) -> str:
        value = self._values.get(name)
        if not isinstance(value, str) or not least <= len(value) <= most:
            raise self._refusal(name, f"a text of {least:,} to {most:,} characters")
        return value

    def one_of(self, name: str, known: Sequence[str]) -> str:
        value = self._values.get(name)
        if not isinstance(value, str) or value not in known:
            raise self._refusal(name, f"one of these: {', '.join(known)}")
        return value

    def integer(self, name: str, *, least: int = 0, most: int = MOST) -> int:
        value = self._values.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self._refusal(name, f"a whole number from {least:,} to {most:,}")
        return value

    def share(self, name: str) -> float:
        value = self._values.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise self._refusal(name, "a number from 0 to 1")
        return float(value)

    def share_or_none(self, name: str) -> float | None:
        return None if self._values.get(name) is None else self.share(name)

    def boolean(self, name: str) -> bool:
        value = self._values.get(name)
        if not isinstance(value, bool):
            raise self._refusal(name, "true or false")
        return value

    def digest(self, name: str) -> bytes:
        return self.hexadecimal(name, exactly=DIGEST_BYTES)

    def hexadecimal(self, name: str, *, exactly: int) -> bytes:
        try:
            value = bytes.fromhex(self.text(name, most=2 * exactly, least=2 * exactly))
        except ValueError:
            value = b""
        if len(value) != exactly:
            raise self._refusal(name, f"{exactly} bytes in hexadecimal digits")
        return value

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def _refusal(self, name: str, expected: str) -> CollectionFileRefused:
        value = self._values.get(name)
        found = "missing" if name not in self._values else f"{_kind(value)}, or out of bounds"
        return CollectionFileRefused(f"{self._where}: {name} is {found}; it must be {expected}. {_REMEDY}")


_REMEDY = "The file is damaged or was not written by this site's format; export it again."


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")


def parse(line: bytes, where: str) -> Facts:
    """Return the object of a line or of a small member."""
    try:
        return Facts(json.loads(line, parse_constant=_refuse_constant), where)
    except (ValueError, RecursionError) as error:
        raise CollectionFileRefused(f"{where} is no valid JSON ({str(error)[:200]}). {_REMEDY}") from None


def _refuse_constant(written: str) -> float:
    raise ValueError(f"{written} is no number")


def written(value: Mapping[str, Any]) -> bytes:
    """Return a value as one line of JSON, in UTF-8, with its newline."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode() + b"\n"


# --- the manifest -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionFacts:
    """What people call the collection and how its values are read. Grants stay where they are."""

    name: str
    slug: str
    description: str
    visibility: str
    time_zone: str
    semantic_weight: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldFacts:
    """A declared metadata field."""

    name: str
    label: str
    source_name: str
    type: str
    is_list: bool
    filterable: bool
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileFacts:
    """By what the vectors were made: the options that decide them and no others, so neither keys nor addresses."""

    name: str
    backend: str
    model: str
    options: Mapping[str, Any]
    fingerprint: str
    dimensions: int
    max_tokens: int
    canary: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexFacts:
    """How documents were cut, analysed and weighed."""

    chunk_size: int
    chunk_overlap: int
    analyzer_version: int
    hnsw: Mapping[str, int]
    semantic_weight: float | None
    calibration: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many of each the file holds."""

    documents: int
    chunks: int
    vectors: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """The size of an unpacked member and the sha256 of its bytes."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """All of a collection but its documents, chunks and vectors."""

    collection: CollectionFacts
    fields: tuple[FieldFacts, ...]
    profile: ProfileFacts
    index: IndexFacts
    counts: Counts
    members: Mapping[str, Member]
    created_at: str

    def written(self) -> bytes:
        value = {"format": FORMAT, "version": VERSION, **asdict(self)}
        value["profile"]["canary"] = self.profile.canary.hex()
        return json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False).encode() + b"\n"


def read_manifest(content: bytes) -> Manifest:
    """Return the manifest of a file of this format; raise CollectionFileRefused for any other."""
    facts = parse(content, MANIFEST)
    if facts.text("format", most=100) != FORMAT:
        raise CollectionFileRefused("The file holds no collection of this site's format. Choose an exported one.")
    version = facts.integer("version", least=1)
    if version > VERSION:
        raise CollectionFileRefused(
            f"The file has version {version} of the format, and this site reads versions up to {VERSION}. Update this "
            "site, or export the collection from one of this release."
        )
    profile = _profile(facts.part("profile"))
    members = facts.part("members")
    return Manifest(
        collection=_collection(facts.part("collection")),
        fields=_fields(facts.parts("fields", most=MOST_FIELDS)),
        profile=profile,
        index=_index(facts.part("index")),
        counts=Counts(**{name: facts.part("counts").integer(name) for name in ("documents", "chunks", "vectors")}),
        members={name: _member(members.part(name)) for name in MEMBERS},
        created_at=facts.text("created_at", most=40),
    )


def _collection(facts: Facts) -> CollectionFacts:
    return CollectionFacts(
        name=facts.text("name", least=1, most=200),
        slug=facts.text("slug", most=80),
        description=facts.text("description", most=1_000_000),
        visibility=facts.text("visibility", most=10),
        time_zone=facts.text("time_zone", least=1, most=64),
        semantic_weight=facts.share_or_none("semantic_weight"),
    )


def _fields(declared: Sequence[Facts]) -> tuple[FieldFacts, ...]:
    fields = tuple(
        FieldFacts(
            name=facts.text("name", least=1, most=100),
            label=facts.text("label", most=200),
            source_name=facts.text("source_name", least=1, most=300),
            type=facts.one_of("type", [known.value for known in FieldType]),
            is_list=facts.boolean("is_list"),
            filterable=facts.boolean("filterable"),
            position=facts.integer("position"),
        )
        for facts in declared
    )
    for names in ({field.name for field in fields}, {field.source_name for field in fields}):
        if len(names) < len(fields):
            raise CollectionFileRefused(f"{MANIFEST}: two fields have the same name. {_REMEDY}")
    return fields


def _profile(facts: Facts) -> ProfileFacts:
    dimensions = facts.integer("dimensions", least=1, most=MOST_DIMENSIONS)
    return ProfileFacts(
        name=facts.text("name", least=1, most=100),
        backend=facts.text("backend", least=1, most=50),
        model=facts.text("model", most=200),
        options=facts.raw("options"),
        fingerprint=facts.hexadecimal("fingerprint", exactly=DIGEST_BYTES).hex(),
        dimensions=dimensions,
        max_tokens=facts.integer("max_tokens", least=1),
        # A model that is not at hand for passages has none.
        canary=facts.hexadecimal("canary", exactly=4 * dimensions)
        if facts.text("canary", most=8 * dimensions)
        else b"",
    )


def _index(facts: Facts) -> IndexFacts:
    hnsw = facts.part("hnsw")
    size = facts.integer("chunk_size", least=1)
    return IndexFacts(
        chunk_size=size,
        chunk_overlap=facts.integer("chunk_overlap", most=size - 1),
        analyzer_version=facts.integer("analyzer_version", least=1),
        hnsw={name: hnsw.integer(name, least=2, most=most) for name, most in _HNSW.items() if name in hnsw},
        semantic_weight=facts.share_or_none("semantic_weight"),
        calibration=_calibration(facts.part("calibration")),
    )


def _calibration(facts: Facts) -> dict[str, Any]:
    """Return what was learned of the weights, {} where nothing was."""
    if "documents" not in facts:
        return {}
    languages = facts.raw("languages")
    # Which analysis of words it was learned with was not always noted.
    noted = [name for name in ("analyzer_version",) if name in facts]
    return {
        **{name: facts.integer(name) for name in (*noted, "documents", "questions", "embedded")},
        **_evidence(facts),
        "languages": {str(language)[:10]: _evidence(facts.part("languages").part(language)) for language in languages},
    }


def _evidence(facts: Facts) -> dict[str, Any]:
    if "weight" not in facts:
        return {}
    return {"questions": facts.integer("questions"), **{name: facts.share(name) for name in _EVIDENCE}}


def _member(facts: Facts) -> Member:
    return Member(
        size=facts.integer("size", most=2**53), sha256=facts.hexadecimal("sha256", exactly=DIGEST_BYTES).hex()
    )


# --- the lines ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentLine:
    """A document as its owner gave it, and when it was written."""

    key: str
    title: str
    text: str
    markup: str
    language: str
    language_override: str
    metadata: Mapping[str, Any]
    segments: tuple[Segment, ...]
    revision: int
    created_at: str
    updated_at: str

    def written(self) -> bytes:
        return written(
            {name: getattr(self, name) for name in self.__slots__ if name != "segments"}
            | {"segments": [asdict(segment) for segment in self.segments]}
        )


def read_document(line: bytes, number: int) -> DocumentLine:
    facts = parse(line, f"{DOCUMENTS}, line {number}")
    text = facts.text("text", most=MOST_TEXT)
    return DocumentLine(
        key=facts.text("key", least=1, most=500),
        title=facts.text("title", most=500),
        text=text,
        markup=facts.one_of("markup", get_args(Markup)),
        language=facts.text("language", most=10),
        language_override=facts.text("language_override", most=10),
        metadata=facts.raw("metadata"),
        segments=tuple(_segment(each, len(text)) for each in facts.parts("segments")),
        revision=facts.integer("revision", least=1, most=2**53),
        created_at=facts.text("created_at", most=40),
        updated_at=facts.text("updated_at", most=40),
    )


def _segment(facts: Facts, length: int) -> Segment:
    end = facts.integer("end", most=length)
    return Segment(
        kind=facts.one_of("kind", get_args(SegmentKind)),  # type: ignore[arg-type]
        label=facts.text("label", most=500),
        level=facts.integer("level", most=32_767),
        start=facts.integer("start", most=end),
        end=end,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkLine:
    """A passage of a document: its place in the text, where people find it, and which vector is its own."""

    document: str
    position: int
    start: int
    end: int
    locator: Mapping[str, Any]
    language: str
    sha256: bytes

    def written(self) -> bytes:
        value = {name: getattr(self, name) for name in self.__slots__} | {"sha256": self.sha256.hex()}
        return written(value)


def read_chunk(line: bytes, number: int) -> ChunkLine:
    facts = parse(line, f"{CHUNKS}, line {number}")
    end = facts.integer("end", most=MOST_TEXT)
    return ChunkLine(
        document=facts.text("document", least=1, most=500),
        position=facts.integer("position"),
        start=facts.integer("start", most=end),
        end=end,
        locator=_locator(facts),
        language=facts.text("language", most=10),
        sha256=facts.digest("sha256"),
    )


def _locator(facts: Facts) -> dict[str, Any]:
    given = facts.part("locator")
    locator: dict[str, Any] = {name: given.text(name, most=500) for name in facts.raw("locator") if name != "headings"}
    if "headings" in given:
        headings = given.items("headings", most=100)
        if not all(isinstance(heading, str) and len(heading) <= 500 for heading in headings):
            raise CollectionFileRefused(f"{CHUNKS}: a heading is no text. {_REMEDY}")
        locator["headings"] = headings
    return locator
