"""The page answers every question that its form takes, and `manage.py search` answers as the page does."""

import json

import pytest

from tests.site.visitor import Visitor
from tests.site_process import SiteProcess

PLANETS = [
    {"id": "mercury", "name": "Mercury", "text": "Small, hot and close to the sun.", "moons": 0},
    {"id": "earth", "name": "Earth", "text": "Wet, blue and close to the sun.", "moons": 1},
    {"id": "mars", "name": "Mars", "text": "Small, red and dusty.", "moons": 2},
    {"id": "jupiter", "name": "Jupiter", "text": "Huge, far from the sun, with a red spot.", "moons": 95},
]


@pytest.fixture(scope="module", autouse=True)
def planets(site: SiteProcess, tmp_path_factory: pytest.TempPathFactory) -> None:
    table = tmp_path_factory.mktemp("planets") / "planets.jsonl"
    table.write_text("".join(json.dumps(row) + "\n" for row in PLANETS))
    options = ("--text-field", "text", "--title-field", "name", "--key-field", "id")
    ran = site.manage("ingest", str(table), "--collection", "Planets", *options)
    assert ran.returncode == 0, ran.stderr


def test_the_longest_question_that_the_form_takes_is_answered_in_chinese_too(visitor: Visitor) -> None:
    (longest,) = visitor.read("/", collection="planets").xpath('//input[@name="q"]/@maxlength')
    assert len(visitor.search("问" * int(longest), "planets")) == len(PLANETS)


def test_the_command_and_the_page_give_the_same_answer(site: SiteProcess, visitor: Visitor) -> None:
    ran = site.manage(
        "search", "small and close to the sun", "--collection", "planets", "--filter", "moons__lt=90", "--json"
    )
    answer = json.loads(ran.stdout)
    shown = visitor.search("small and close to the sun", "planets", moons__lt="90")
    assert (ran.returncode, answer["collections"], answer["degraded"]) == (0, ["planets"], None)
    assert [found.title for found in shown] == ["Mercury", "Earth", "Mars"]
    assert [
        (
            hit["title"],
            hit["passage"],
            f"{hit['score']:.3f}",
            f"/documents/{hit['document']}/?revision={hit['revision']}&start={hit['start']}&end={hit['end']}#passage",
        )
        for hit in answer["hits"]
    ] == [(found.title, found.passage, found.score, found.address) for found in shown]
    assert [hit["key"] for hit in answer["hits"]] == ["mercury", "earth", "mars"]
