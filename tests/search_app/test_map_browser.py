"""The map as only a browser shows it: drawn, looked at and moved with mouse and keys, under the site's policy."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from collections_app import pictures, tasks
from collections_app.models import Collection
from tests.browsing import Open
from tests.conftest import Drain, save, serving_index

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "ring", lambda task, identity: None)


@pytest.fixture
def two(collection: Collection, drain: Drain) -> Collection:
    """Two passages, one at each end of the map."""
    save(collection, "left", "roses and tulips", title="Garden")
    save(collection, "right", "ships and anchors", title="Harbour")
    drain(collection)
    assert pictures.make(serving_index(collection))
    return collection


def pointed(page: Page) -> Any:
    return page.evaluate("document.getElementById('map').map.pointed")


def place_of(page: Page, at: int) -> tuple[float, float]:
    """Return where a point is in the window."""
    script = "([map, at]) => [map.across(map.points.x[at]), map.down(map.points.y[at])]"
    left, top = page.evaluate(script, [page.evaluate_handle("document.getElementById('map').map"), at])
    box = page.locator("canvas").bounding_box()
    assert box
    return box["x"] + left, box["y"] + top


def test_a_point_says_what_it_is_and_leads_there(two: Collection, open_page: Open) -> None:
    page = open_page("/collections/notes/map/")
    page.locator("#map.ready").wait_for()
    for at in (0, 1):
        page.mouse.move(*place_of(page, at))
        expect(page.locator(".card-of-point")).to_contain_text(["Garden", "Harbour"][at])
    page.mouse.click(*place_of(page, 1))
    page.wait_for_url("**/documents/**")
    expect(page.locator("h1")).to_have_text("Harbour")


@pytest.mark.slow
def test_keys_move_the_map_zoom_it_and_open_what_is_in_the_middle(two: Collection, open_page: Open) -> None:
    page = open_page("/collections/notes/map/")
    page.locator("#map.ready").wait_for()
    page.locator("canvas").focus()
    before = page.evaluate("document.getElementById('map').map.scale")
    page.keyboard.press("+")
    assert page.evaluate("document.getElementById('map').map.scale") == pytest.approx(1.5 * before)
    page.keyboard.press("0")
    assert page.evaluate("document.getElementById('map').map.scale") == pytest.approx(before)
    assert pointed(page) == -1
    for _step in range(30):
        page.keyboard.press("ArrowRight")
        if pointed(page) >= 0:
            break
    title = ["Garden", "Harbour"][pointed(page)]
    expect(page.locator(".card-of-point")).to_contain_text(title)
    page.keyboard.press("Enter")
    page.wait_for_url("**/documents/**")
    expect(page.locator("h1")).to_have_text(title)


@pytest.mark.slow
def test_a_passage_that_is_gone_meanwhile_is_not_shown(two: Collection, open_page: Open) -> None:
    page = open_page("/collections/notes/map/?q=roses")
    page.locator("#map.ready").wait_for()
    two.documents.filter(key="right").delete()
    page.reload()
    page.locator("#map.ready").wait_for()
    assert page.evaluate("document.getElementById('map').map.points.x.length") == 1
    expect(page.locator(".hits > li")).to_have_count(1)


@pytest.mark.slow
def test_another_colour_is_shown_as_soon_as_it_is_chosen(two: Collection, open_page: Open) -> None:
    two.fields.create(name="kind", source_name="kind", type="text")
    page = open_page("/collections/notes/map/?q=roses")
    page.locator("#map.ready").wait_for()
    page.locator("#colour").select_option("kind")
    page.wait_for_url("**colour=kind**")
    assert "q=roses" in page.url
    expect(page.locator(".legend")).to_contain_text("no value")


def test_without_scripts_the_page_comes_with_the_map_drawn(two: Collection, open_page: Open) -> None:
    page = open_page("/collections/notes/map/", java_script_enabled=False)
    page.wait_for_url("**plain=1**")
    expect(page.locator("svg.drawing a")).not_to_have_count(0)
    page.locator("svg.drawing a", has_text="Harbour").click()
    expect(page.locator("h1")).to_have_text("Harbour")
