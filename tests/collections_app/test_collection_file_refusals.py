"""A collection file that is damaged, forged or of another format is refused with a reason, and nothing is written."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from collections_app import fields, portable, services
from collections_app.exceptions import CollectionFileRefused
from collections_app.models import Collection, Embedding, EmbeddingProfile, Import
from collections_app.portable.values import CHUNKS, DOCUMENTS, KEYS, MANIFEST, VECTORS
from collections_app.reasons import is_known
from tests.collections_app.collection_files import Change, import_file, lines_with, manifest_with, rewritten
from tests.conftest import Drain, save

pytestmark = pytest.mark.django_db


@pytest.fixture
def exported(collection: Collection, drain: Drain, tmp_path: Path) -> Path:
    fields.declare(collection, [{"year": 1999}])
    for number, text in enumerate(("Cats purr.", "Dogs bark at night.", "猫在屋顶上睡觉。🐈")):
        save(collection, str(number), text, title=f"Number {number}", metadata={"year": number})
    drain(collection)
    path = tmp_path / "notes.zip"
    portable.export_collection(collection, path)
    return path


def vectors_with(change: Callable[[np.ndarray], np.ndarray]) -> Change:
    def change_vectors(members: dict[str, bytes]) -> None:
        written = io.BytesIO()
        np.save(written, change(np.load(io.BytesIO(members[VECTORS]))), allow_pickle=False)
        members[VECTORS] = written.getvalue()

    return change_vectors


def with_value(row: int, value: float) -> Callable[[np.ndarray], np.ndarray]:
    def change(vectors: np.ndarray) -> np.ndarray:
        vectors[row, 0] = value
        return vectors

    return change


def swap_keys(members: dict[str, bytes]) -> None:
    head, keys = members[KEYS][:-96], members[KEYS][-96:]
    members[KEYS] = head + keys[32:64] + keys[:32] + keys[64:]


def another_key(members: dict[str, bytes]) -> None:
    members[KEYS] = members[KEYS][:-1] + bytes([members[KEYS][-1] ^ 1])


def add(name: str) -> Change:
    return lambda members: members.__setitem__(name, b"root::0:0::/:/bin/sh")


FORGED: dict[str, tuple[Change, str]] = {
    "another format": (manifest_with(format="zip of cats"), "no collection of this site's format"),
    "a newer version": (manifest_with(version=2), "Update this site"),
    "no version": (manifest_with(version="1"), "version is a text"),
    "an unknown time zone": (manifest_with(collection__time_zone="../../etc/passwd"), "time zone"),
    "an endless overlap": (manifest_with(index__chunk_overlap=10_000), "chunk_overlap"),
    "a graph without bounds": (manifest_with(index__hnsw={"max_neighbors": 10**9}), "max_neighbors"),
    "a weight above one": (manifest_with(index__semantic_weight=7), "semantic_weight"),
    "a field of no type": (manifest_with(fields__0__type="blob"), "type is a text"),
    "other dimensions": (manifest_with(profile__dimensions=32), "canary"),
    "fewer vectors": (vectors_with(lambda vectors: vectors[:2]), "is not 3 vectors of 64 dimensions"),
    "narrower vectors": (vectors_with(lambda vectors: vectors[:, :63].copy()), "is declared"),
    "double precision": (vectors_with(lambda vectors: vectors.astype(np.float64)), "holds <f8"),
    "big-endian numbers": (vectors_with(lambda vectors: vectors.astype(">f4")), "holds >f4"),
    "integers": (vectors_with(lambda vectors: vectors.astype(np.int32)), "holds <i4"),
    "columns first": (vectors_with(np.asfortranarray), "is declared"),
    "a vector that is not a number": (vectors_with(with_value(1, float("nan"))), "not finite"),
    "an infinite vector": (vectors_with(with_value(1, float("inf"))), "not finite"),
    "a long vector": (vectors_with(with_value(1, 3.0)), "not of length 1"),
    "a vector of zeros": (vectors_with(lambda vectors: vectors * 0), "not of length 1"),
    "keys out of order": (swap_keys, "ascending order"),
    "a vector of no text": (another_key, "has no vector"),
    "a text with another vector": (
        lines_with(DOCUMENTS, lambda lines: lines[0].update(text="Cows moo.!")),
        "not the text that its vector was made of",
    ),
    "a vector without a chunk": (
        lambda members: (
            lines_with(CHUNKS, lambda lines: lines.pop())(members),
            manifest_with(counts__chunks=2)(members),
        ),
        "belong to no text",
    ),
    "a chunk too few": (lines_with(CHUNKS, lambda lines: lines.pop()), "are declared"),
    "a chunk beyond its text": (lines_with(CHUNKS, lambda lines: lines[0].update(end=999)), "not in its place"),
    "a chunk of no document": (lines_with(CHUNKS, lambda lines: lines[0].update(document="?")), "not there"),
    "documents in another order": (lines_with(DOCUMENTS, lambda lines: lines.reverse()), "or not in its place"),
    "two documents of one key": (
        lambda members: (
            lines_with(DOCUMENTS, lambda lines: lines.append(lines[0]))(members),
            manifest_with(counts__documents=4)(members),
        ),
        "same key",
    ),
    "a document without a key": (lines_with(DOCUMENTS, lambda lines: lines[0].update(key="")), "key is a text"),
    "a number for a text": (lines_with(DOCUMENTS, lambda lines: lines[0].update(text=1)), "text is a number"),
    "a segment beyond the text": (
        lines_with(
            DOCUMENTS,
            lambda lines: lines[0].update(segments=[{"kind": "page", "label": "1", "level": 0, "start": 0, "end": 99}]),
        ),
        "end is a number",
    ),
    "a line that is no JSON": (lambda members: members.__setitem__(DOCUMENTS, b"{\n"), "no valid JSON"),
    "half a line": (lambda members: members.__setitem__(DOCUMENTS, members[DOCUMENTS][:-1]), "middle of a line"),
    "a path out of the folder": (add("../../etc/passwd"), "more than a collection file"),
    "a member too many": (add("notes.txt"), "more than a collection file"),
    "a member missing": (lambda members: members.pop(CHUNKS) and None, "is missing"),
}  # fmt: skip


@pytest.mark.parametrize("forgery", FORGED)
def test_what_does_not_fit_together_is_refused_and_nothing_is_written(exported: Path, forgery: str) -> None:
    change, reason = FORGED[forgery]
    counts = [model.objects.count() for model in (Collection, Embedding, EmbeddingProfile, Import)]
    with pytest.raises(CommandError, match=reason) as refused:
        call_command("import_collection", str(rewritten(exported, change)), "--no-wait")
    assert is_known(str(refused.value))
    assert [model.objects.count() for model in (Collection, Embedding, EmbeddingProfile, Import)] == counts


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        (b"[]", "a list where an object"),
        (b"[" * 100_000, "no valid JSON"),
        (b"{", "no valid JSON"),
        (b" " * 5_000_000, "longer"),
    ],
)
def test_a_manifest_that_is_none_is_refused(exported: Path, manifest: bytes, reason: str) -> None:
    forged = rewritten(exported, lambda members: members.__setitem__(MANIFEST, manifest), seals=False)
    with pytest.raises(CollectionFileRefused, match=reason):
        import_file(forged)


def test_a_file_that_was_cut_off_anywhere_is_refused(exported: Path, tmp_path: Path) -> None:
    whole = exported.read_bytes()
    cut = tmp_path / "cut.zip"
    for length in range(0, len(whole), 97):
        cut.write_bytes(whole[:length])
        with pytest.raises(CollectionFileRefused, match="damaged or incomplete"):
            import_file(cut)
    assert Collection.objects.count() == 1


def test_no_flipped_bit_is_taken_for_the_collection_that_was_exported(exported: Path, tmp_path: Path) -> None:
    whole = exported.read_bytes()
    flipped = tmp_path / "flipped.zip"
    refused = 0
    for place in range(0, len(whole), 41):
        damaged = bytearray(whole)
        damaged[place] ^= 0x10
        flipped.write_bytes(damaged)
        try:
            with portable.open_collection_file(flipped) as file:
                portable.check(file, portable.plan_import(file))
        except CollectionFileRefused as error:
            assert is_known(str(error))
            refused += 1
    # What is left are bits that mean nothing, such as the time of a member.
    assert refused > 0.9 * len(range(0, len(whole), 41))


def test_a_zip_bomb_is_refused_before_it_is_unpacked(exported: Path) -> None:
    def blow_up(members: dict[str, bytes]) -> None:
        line = json.loads(members[DOCUMENTS].splitlines()[0])
        line["text"] = "0" * 12_000_000
        members[DOCUMENTS] = json.dumps(line).encode() + b"\n"

    with pytest.raises(CollectionFileRefused, match="times its packed size"):
        import_file(rewritten(exported, blow_up))


def test_a_text_that_packs_as_well_as_a_bomb_is_exported_so_that_it_can_be_taken(
    collection: Collection, tmp_path: Path
) -> None:
    save(collection, "dull", "0" * 9_000_000)
    path = tmp_path / "dull.zip"
    portable.export_collection(collection, path)
    act, taken = import_file(path, name="Dull")
    assert (taken.created, taken.failures) == (1, [])
    assert act.collection.documents.get().text == "0" * 9_000_000


def test_a_size_that_is_lied_about_is_found(exported: Path) -> None:
    forged = rewritten(exported, lambda members: members.__setitem__(DOCUMENTS, members[DOCUMENTS] * 2), seals=False)
    with pytest.raises(CollectionFileRefused, match="are declared"):
        import_file(forged)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.zip"
    with pytest.raises(CollectionFileRefused, match="no file"):
        import_file(path)
    path.write_bytes(b"")
    with pytest.raises(CollectionFileRefused, match="no collection file"):
        import_file(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "cats")
    with pytest.raises(CollectionFileRefused, match=r"manifest\.json.* is missing"):
        import_file(path)


def test_a_profile_is_made_of_what_decides_vectors_alone(exported: Path) -> None:
    EmbeddingProfile.objects.update(fingerprint="0" * 64)
    inner = {"backend": "local", "options": {"folder": "/etc"}}
    for options in (
        {"api_key_env": "SECRET_KEY"},
        {"base_url": "http://evil.example/"},
        {"folder": "/etc"},
        {"questions": inner},
        {"questions": {"backend": "supplied", "options": {"questions": inner}}},
    ):
        with pytest.raises(CollectionFileRefused, match="do not decide vectors"):
            import_file(rewritten(exported, manifest_with(profile__options=options)))
    with pytest.raises(CollectionFileRefused, match="must name a backend"):
        import_file(rewritten(exported, manifest_with(profile__options={"questions": [1]})))
    with pytest.raises(CollectionFileRefused, match="There is no embedding backend 'mind-reading'"):
        import_file(rewritten(exported, manifest_with(profile__backend="mind-reading")))
    with pytest.raises(CollectionFileRefused, match="fingerprint"):
        import_file(rewritten(exported, manifest_with(profile__options={"dimensions": 64, "max_tokens": 99})))
    assert EmbeddingProfile.objects.count() == 1


def test_vectors_of_another_model_are_not_used_unless_the_texts_are_embedded_anew(
    exported: Path, collection: Collection, drain: Drain
) -> None:
    from collections_app import profiles

    other = profiles.create_profile("Other", backend="meaningless", options={"dimensions": 48})
    with pytest.raises(CollectionFileRefused, match="re-embed"):
        import_file(exported, profile=other)
    act, taken = import_file(exported, profile=other, re_embed=True)
    assert (taken.created, taken.vectors) == (3, 0)
    drain(act.collection)
    assert Embedding.objects.filter(profile=other).count() == 3


@pytest.mark.parametrize("slug", ["*", "../admin", "two words", ""])
def test_a_slug_that_is_none_is_not_taken(exported: Path, slug: str) -> None:
    act, _taken = import_file(rewritten(exported, manifest_with(collection__slug=slug)))
    assert act.collection.slug == "notes-2"


def test_a_documents_value_that_its_field_cannot_take_fails_it_alone(exported: Path) -> None:
    changed = rewritten(exported, lines_with(DOCUMENTS, lambda lines: lines[1].update(metadata={"year": "soon"})))
    act, taken = import_file(changed)
    assert [key for key, _ in taken.failures] == ["1"]
    assert sorted(act.collection.documents.values_list("key", flat=True)) == ["0", "2"]
    assert services.free_slug("Notes") == "notes-3"
