"""manage.py search: the same engine on the command line."""

import json
import subprocess
import sys
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from collections_app.models import Collection

pytestmark = pytest.mark.django_db


def run(*arguments: str, **options: Any) -> str:
    out = StringIO()
    call_command("search", *arguments, stdout=out, no_color=True, **options)
    return out.getvalue()


def test_it_prints_score_title_and_passage_best_first(films: Collection) -> None:
    lines = run("an astronaut in space", "--collection", "films", "--limit", "2").splitlines()
    assert lines[0].split()[1:] == ["Gravity"]
    assert 0 < float(lines[0].split()[0]) <= 1
    assert lines[1].strip() == "An astronaut drifts in space after a collision"
    assert len([line for line in lines if not line.startswith("        ")]) == 2


def test_json_holds_all_that_is_known_of_a_hit(films: Collection) -> None:
    answer = json.loads(run("space", "--collection=films", "--filter=year__gte=2000", "--json"))
    assert set(answer) == {"query", "collections", "degraded", "answered", "timings", "hits"}
    (hit,) = answer["hits"]
    document = films.documents.get(key="gravity")
    assert hit | {"score": 0} == {
        "score": 0,
        "measure": "fused",
        "document": str(document.public_id),
        "collection": "films",
        "key": "gravity",
        "title": "Gravity",
        "address": "",
        "revision": 1,
        "start": 0,
        "end": 46,
        "passage": "An astronaut drifts in space after a collision",
    }
    assert (answer["collections"], answer["degraded"]) == (["films"], None)


def test_explain_prints_plan_ranks_and_scores_of_both_legs_and_milliseconds(films: Collection) -> None:
    said = run("an astronaut in space", "--collection=films", "--filter=year__gte=1990", "--explain")
    assert "exact: The filter keeps 2 passages; comparing each is quick and exact." in said
    assert "filter keeps 2 of 5 documents (40.00%)" in said
    assert "weight of meaning 0.80 (default), of words 0.20" in said
    gravity = next(line for line in said.splitlines() if line.startswith("  1  "))
    assert gravity.split()[2:4] == ["meaning", "#1"]
    assert gravity.endswith("Gravity")
    assert said.splitlines()[-1].split()[1] == "ms:"


def test_without_a_question_the_documents_are_listed_in_the_order_asked_for(films: Collection) -> None:
    lines = run("--collection=films", "--sort=-year", "--limit=2").splitlines()
    assert [line.strip() for line in lines[::2]] == ["Gravity", "Heat"]


def test_private_collections_are_searched_too(films: Collection) -> None:
    Collection.objects.update(visibility="private")
    assert "Gravity" in run("space", "--collection", "films")


def test_filters_are_read_out_of_the_question(films: Collection) -> None:
    answer = json.loads(run('space year>=2000 "drifts in"', "--collection=films", "--json"))
    assert (answer["query"], [hit["key"] for hit in answer["hits"]]) == ("space drifts in", ["gravity"])


def test_an_answer_of_nothing_says_so(films: Collection) -> None:
    assert run("space", "--collection", "films", "--filter", "year=1") == "Nothing was found.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--collection", "nope"], "There is no collection 'nope'; there are: films."),
        (["--collection", "films", "--filter", "yeer=1"], "no filter “yeer”"),
        (["--collection", "films", "--filter", "year"], "write it like year__gte=2000"),
        (["--collection", "films", "--filter", "year=x"], "a whole number such as 1999"),
        (["--collection", "films", "--filter", "year__any=1"], "“any” cannot be used with “year”"),
        (["--collection", "films", "--limit", "0"], "Only the best 200"),
        (["--collection", "films", "--sort", "size"], "Sort by relevance, or by one of: year, genres, colour"),
        (["--collection", "films", "--diversity", "2"], "a number from 0 to 1"),
        (["--collection", "films", "--like", "x"], "no such document"),
    ],
)
def test_wrong_use_ends_with_status_2_and_one_sentence(films: Collection, arguments: list[str], said: str) -> None:
    with pytest.raises(CommandError) as refused:
        run("space", *arguments)
    assert refused.value.returncode == 2
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_collection_argument_is_wrong_use_as_well() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "search", "space"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, "--collection" in done.stderr) == (2, True)
