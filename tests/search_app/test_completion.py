"""Suggestions for the filter line: what is offered, to whom, and how much work that is."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from collections_app import services
from collections_app.models import Collection
from search_app import completion, field_values
from search_app.filters import Condition
from search_app.question import parse_question
from tests.search_app.conftest import declare

pytestmark = pytest.mark.django_db

UTC = ZoneInfo("UTC")


@pytest.fixture
def paintings(db: None) -> Collection:
    """Twelve paintings; their fields are of every type."""
    collection = services.create_collection("Paintings")
    declare(
        collection,
        painter="text",
        tags="text*",
        year="integer",
        height="number",
        sold="boolean",
        seen="date",
        at="datetime",
    )
    collection.fields.filter(name="painter").update(label="画家")
    rows = [
        services.DocumentInput(
            key=str(number),
            text="Oil on canvas",
            metadata={
                "painter": ["Mary Cassatt", "齐白石", 'Toulouse, "Henri"'][number % 3 if number > 4 else 0],
                "tags": ["portrait", "oil"] if number % 2 else ["oil"],
                "year": 1870 + number * 5,
                "height": 0.5 + number,
                "sold": number == 3,
                "seen": f"20{number + 10}-05-01",
                "at": f"20{number + 10}-05-01T12:00:00Z",
            },
        )
        for number in range(12)
    ]
    assert all(saved.error is None for saved in services.save_documents(collection, rows))
    return collection


def offered(line: str, *collections: Collection) -> list[str]:
    """Return the lines that the suggestions make of a line."""
    found = completion.complete(line, collections)
    return [line[: found.keep] + option.text for option in found.options]


def counted(line: str, *collections: Collection) -> list[tuple[str, int | None]]:
    return [(option.label, option.count) for option in completion.complete(line, collections).options]


def test_fields_are_offered_by_their_names_and_by_what_people_read(paintings: Collection) -> None:
    assert offered("blue pa", paintings) == ["blue painter:"]
    assert offered("-画", paintings) == ["-painter:"]
    assert offered("blue s", paintings) == ["blue sold:", "blue seen"]
    assert offered("blue ", paintings)[:3] == ["blue painter:", "blue tags:", "blue year"]
    assert offered("blue", paintings) == []


def test_a_whole_name_is_followed_by_its_comparisons(paintings: Collection) -> None:
    signs = [":", "!=", ">=", "<=", ">", "<", ":* "]
    assert offered("year", paintings) == [f"year{sign}" for sign in signs]
    assert offered("sold", paintings) == ["sold:", "sold:* "]


def test_values_come_with_the_number_of_documents_the_most_frequent_first(paintings: Collection) -> None:
    assert counted("painter:", paintings) == [("Mary Cassatt", 7), ('Toulouse, "Henri"', 3), ("齐白石", 2)]
    assert counted("tags:oil,p", paintings) == [("portrait", 6)]
    assert counted("sold:", paintings) == [("true", 1), ("false", 11)]


def test_values_are_found_by_any_part_of_them_whatever_its_case(paintings: Collection) -> None:
    assert counted("painter:CASS", paintings) == [("Mary Cassatt", 7)]
    assert counted("painter:白", paintings) == [("齐白石", 2)]
    assert counted('painter:"mary c', paintings) == [("Mary Cassatt", 7)]


def test_every_suggestion_is_read_as_the_filter_that_it_promises(paintings: Collection) -> None:
    specs = [field.spec for field in paintings.fields.all()]
    for line in (
        "painter:",
        "tags:",
        "sold:",
        "year:",
        "year>=",
        "height:",
        "height<",
        "seen:",
        "seen>",
        "at:",
        "at<=",
    ):
        found = offered(line, paintings)
        assert found, line
        for finished in found:
            parsed = parse_question(finished, specs, tz=UTC)
            assert (parsed.text, isinstance(parsed.expression, Condition)) == ("", True), finished


def test_numbers_and_dates_are_offered_in_round_ranges_with_counts(paintings: Collection) -> None:
    assert counted("year:", paintings)[:2] == [("1860 – 1879", 2), ("1880 – 1899", 4)]
    assert sum(count or 0 for _label, count in counted("year:", paintings)) == 12
    assert offered("year:190", paintings) == [
        line for line in offered("year:", paintings) if line.startswith("year:190")
    ]
    assert sum(count or 0 for _label, count in counted("seen:", paintings)) == 12


def test_several_collections_offer_the_fields_that_they_share(paintings: Collection) -> None:
    other = services.create_collection("Drawings")
    declare(other, painter="text", paper="text")
    services.save_document(other, services.DocumentInput(key="1", text="x", metadata={"painter": "齐白石"}))
    assert offered("pa", paintings, other) == ["painter:"]
    assert counted("painter:齐", paintings, other) == [("齐白石", 3)]


def test_values_of_deleted_documents_are_not_offered(paintings: Collection) -> None:
    paintings.documents.filter(values__text="齐白石").delete()
    assert counted("painter:", paintings) == [("Mary Cassatt", 7), ('Toulouse, "Henri"', 3)]


def test_of_a_field_with_many_values_beginnings_are_found_and_counting_stops(
    paintings: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completion, "_MOST_LOOKED_THROUGH", 2)
    monkeypatch.setattr(field_values, "MOST_COUNTED", 5)
    monkeypatch.setattr(completion, "MOST_COUNTED", 5)
    assert counted("painter:mary", paintings) == [("Mary Cassatt", 6)]
    assert completion.as_json(completion.complete("painter:mary", [paintings]))["options"][0]["count"] == "5+"
    assert counted("painter:assatt", paintings) == []


def test_it_takes_the_same_few_statements_however_many_documents_there_are(paintings: Collection) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            completion.complete("painter:", [paintings])
        return len(captured)

    few = statements()
    rows = [services.DocumentInput(key=f"more {n}", text="x", metadata={"painter": f"Nobody {n}"}) for n in range(60)]
    assert all(saved.error is None for saved in services.save_documents(paintings, rows))
    assert statements() == few <= 4


# --- the endpoint -------------------------------------------------------------------------------------------------


def suggested(client: Client, **parameters: str) -> dict[str, Any]:
    response = client.get("/complete/", parameters)
    assert response.status_code == 200
    found: dict[str, Any] = response.json()
    return found


def test_the_page_gets_what_to_keep_and_how_to_go_on(client: Client, paintings: Collection) -> None:
    found = suggested(client, q="🚀 painter:ma", collection="paintings")
    assert found == {
        "keep": 10,
        "options": [
            {
                "kind": "value",
                "text": '"Mary Cassatt" ',
                "label": "Mary Cassatt",
                "note": "",
                "count": "7",
                "goesOn": False,
            }
        ],
    }


def test_an_input_beside_the_results_gets_the_values_themselves(client: Client, paintings: Collection) -> None:
    found = suggested(client, q="mary", field="painter", collection="paintings")
    assert [option["text"] for option in found["options"]] == ["Mary Cassatt"]
    assert suggested(client, q="m", field="nope", collection="paintings")["options"] == []
    assert suggested(client, q="1", field="year", collection="paintings")["options"] == []


def test_nothing_of_a_private_collection_is_offered(client: Client, paintings: Collection) -> None:
    Collection.objects.filter(pk=paintings.pk).update(visibility="private")
    assert client.get("/complete/", {"q": "painter:", "collection": "paintings"}).status_code == 404
    assert suggested(client, q="painter:")["options"] == []


@pytest.mark.parametrize("line", ["", "\0", "x" * 5000, "painter:" + '"' * 500])
def test_whatever_is_typed_is_answered(client: Client, paintings: Collection, line: str) -> None:
    found = suggested(client, q=line, collection="paintings")
    assert 0 <= found["keep"] <= len(line)
    assert all(option["text"] for option in found["options"])
