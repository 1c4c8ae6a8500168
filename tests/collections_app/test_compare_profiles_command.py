"""manage.py compare_profiles."""

import json
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from collections_app import comparison, profiles
from collections_app.models import Collection, EmbeddingProfile, ProfileComparison
from tests.conftest import Drain, save, serving_index

pytestmark = pytest.mark.django_db


@pytest.fixture
def notes(collection: Collection, drain: Drain) -> Collection:
    save(collection, "cats", "Cats purr all day.")
    save(collection, "dogs", "狗在叫 🐕 and dogs bark.")
    drain(collection)
    profiles.create_profile("另一个 🐈", backend="meaningless", options={"dimensions": 48})
    return collection


@pytest.fixture
def one(notes: Collection) -> EmbeddingProfile:
    return serving_index(notes).profile


@pytest.fixture
def queries(tmp_path: Path) -> str:
    rows = [
        {"id": "1", "text": "dogs bark", "relevant": ["dogs"]},
        {"id": "2", "text": "cats purr", "relevant": {"cats": 2, "lost": 1}},
        {"id": "3", "text": "lost", "relevant": ["lost"]},
    ]
    (tmp_path / "questions.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return str(tmp_path / "questions.jsonl")


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("compare_profiles", *arguments, stdout=out)
    return out.getvalue()


def line(told: str, label: str) -> Sequence[str]:
    """Return what a row of the table says of each profile."""
    row = next(row for row in told.splitlines() if row.startswith(label))
    return [cell for cell in row.removeprefix(label).split("  ") if cell.strip()]


def test_profiles_stand_side_by_side(notes: Collection, one: EmbeddingProfile, queries: str) -> None:
    told = run(one.name, "另一个 🐈", "--collection", "notes", "--queries", queries, "--depth", "1")
    assert f"{one.name}: " in told
    assert "2 texts to be embedded in this process" in told
    assert "Notes: 2 passages of 2 documents; 2 judged questions" in told
    assert "1 judged documents are not in the collection ('lost'); 1 of 3 questions are left out" in told
    assert [cell.strip() for cell in line(told, "nDCG@10")] == ["1.0000", "1.0000"]
    assert [cell.strip() for cell in line(told, "hit rate@1")] == ["1.0000", "1.0000"]
    assert [cell.strip() for cell in line(told, "bytes per passage")] == [str(4 * one.dimensions), "192"]
    assert f"{one.name} and 另一个 🐈: overlap@1 1.000, rank-biased overlap 1.000" in told
    assert ProfileComparison.objects.get().questions_name == "questions.jsonl"


def test_json_is_the_report(notes: Collection, one: EmbeddingProfile, queries: str) -> None:
    told = json.loads(run(one.name, "--collection", "Notes", "--queries", queries, "--json"))
    assert told.pop("collection") == "notes"
    assert told == ProfileComparison.objects.get().report
    assert comparison.Report.from_json(told).profiles[0].ndcg == 1.0


def test_an_estimate_compares_nothing(notes: Collection, one: EmbeddingProfile, queries: str) -> None:
    told = run("另一个 🐈", "--collection", "notes", "--queries", queries, "--estimate")
    assert told.startswith("另一个 🐈: ")
    assert "tokens of 4 texts to be embedded in this process" in told
    estimates = json.loads(run(one.name, "--collection", "notes", "--queries", queries, "--estimate", "--json"))
    assert estimates["estimates"][0]["texts_to_embed"] == 2
    assert not ProfileComparison.objects.exists()


def test_sentence_pairs_are_correlated(one: EmbeddingProfile, tmp_path: Path) -> None:
    file = tmp_path / "pairs.tsv"
    file.write_text("s1\ts2\tscore\nred green\tred green\t5\nred green\tred blue\t2.5\nred green\tnight day\t0\n")
    told = run(one.name, "另一个 🐈", "--sts", str(file))
    assert "3 sentence pairs of pairs.tsv" in told
    assert [cell.strip() for cell in line(told, "Spearman")] == ["1.0000", "1.0000"]
    assert json.loads(run(one.name, "--sts", str(file), "--json"))["profiles"][0]["embedded_texts"] == 0
    file.write_text("s1\ts2\tscore\na\tb\t1\nc\td\t1\n")
    assert [cell.strip() for cell in line(run(one.name, "--sts", str(file)), "Spearman")] == ["–"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nobody", "--collection", "notes"], "There is no embedding profile 'nobody'. There are: 'Meaningless hash"),
        (["{one}", "--collection", "nowhere"], "There is no collection 'nowhere'"),
        (["{one}"], "Say --collection NAME, or --sts FILE"),
        (["{one}", "--collection", "notes", "--sts", "x"], "Say --collection NAME, or --sts FILE"),
        (["{one}", "{one}", "--collection", "notes", "--queries", "{queries}"], "named twice"),
        (["{one}", "--collection", "notes"], "No question can be made from the passages of 'Notes'"),
        (["{one}", "--collection", "notes", "--queries", "missing.jsonl"], "missing.jsonl cannot be read"),
        (["{one}", "--sts", "missing.tsv"], "missing.tsv cannot be read"),
        (["{one}", "--sts", "missing.tsv", "--estimate"], "--sts takes no other option"),
    ],
)
def test_what_is_wrong_is_said_with_its_remedy(
    one: EmbeddingProfile, queries: str, arguments: Sequence[str], told: str
) -> None:
    given = [argument.replace("{one}", one.name).replace("{queries}", queries) for argument in arguments]
    with pytest.raises(CommandError) as raised:
        run(*given)
    assert told in str(raised.value)
    assert not ProfileComparison.objects.exists()
