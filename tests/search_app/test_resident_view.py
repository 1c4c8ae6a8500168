"""What filters keep of an index in memory: remembered, brought up to date, and not piled up."""

import pytest

from collections_app.models import Collection
from search_app.declared import read_filter, shared_fields
from search_app.filters import EVERYTHING, parse_parameters
from search_app.scope import Scope
from search_app.vector_memory import Selection
from tests.conftest import Drain, save, serving_index
from tests.search_app.conftest import Remember, declare, view, where

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("room")]


def test_what_a_filter_selects_is_worked_out_again_when_something_changed_and_not_before(
    films: Collection, drain: Drain, remember: Remember
) -> None:
    remember(films)
    old = where(films, year__lt="1990")

    def selected() -> Selection:
        now = view(films)
        assert now
        return now.selection(old)

    first = selected()
    assert first.passages == first.documents == 2
    assert selected() is first
    save(films, "alien", "A ship answers a call.", metadata={"year": 1991})
    drain(films)
    assert selected().passages == 1
    save(films, "new", "A new old film.", metadata={"year": 1970})
    drain(films)
    assert (selected().passages, selected().documents) == (2, 2)
    assert first.passages == 2


def test_a_filter_that_keeps_much_is_remembered_beside_everything(library: Collection, remember: Remember) -> None:
    remember(library)
    red = where(library, colour="red")
    now = view(library)
    assert now
    first, everything = now.selection(red), now.selection(EVERYTHING)
    assert first.passages / everything.passages > 0.2
    again = view(library)
    assert again
    assert (again.selection(red), again.selection(EVERYTHING)) == (first, everything)


def test_selections_of_a_memory_that_grew_out_of_its_place_are_let_go(
    films: Collection, drain: Drain, remember: Remember
) -> None:
    remember(films)
    for year in (1980, 1990):
        now = view(films)
        assert now
        now.selection(where(films, year__gte=str(year)))
    save(films, "new", "A new film.", metadata={"year": 2020})
    drain(films)
    late = where(films, year__gte="2000")
    now = view(films)
    assert now
    now.selection(late)
    assert list(now._resident.selections) == [late]


def test_what_is_remembered_of_a_filter_serves_who_searches_other_collections_too(
    films: Collection, library: Collection
) -> None:
    declare(library, year="integer")
    fields = shared_fields([films.pk, library.pk])
    both = read_filter(lambda specs, tz: parse_parameters([("year", "1979")], specs, tz=tz), [films, library], fields)
    index = serving_index(films)
    assert Scope(index, None, both).filter == Scope(index, None, where(films, year="1979")).filter
    assert Scope(serving_index(library), None, both).filter != Scope(index, None, both).filter


def test_selections_that_are_remembered_do_not_add_up(films: Collection, remember: Remember) -> None:
    remember(films)
    for year in range(1900, 2100):
        later = where(films, year__gte=str(year))
        now = view(films)
        assert now
        now.selection(later)
    assert now
    remembered = now._resident.selections.values()
    assert 0 < len(remembered) <= 64
    assert sum(each.selection.nbytes for each in remembered) <= now.memory.nbytes
