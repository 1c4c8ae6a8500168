"""Every way to evaluate a filter keeps the same documents: SQL as a set and as a probe, stores, and the reference."""

import itertools
import unicodedata
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from django.db.models import QuerySet
from hypothesis import HealthCheck, assume, event, example, given, settings
from hypothesis import strategies as st

from collections_app import services
from collections_app.metadata import MAX_TEXT, FieldSpec, FieldType, parse_value
from collections_app.models import Document, MetadataField, MetadataValue
from collections_app.prepared import Many, prepared
from collections_app.projection import record_metadata
from collections_app.vectorstores import Record, VectorStore
from collections_app.vectorstores.values import are_kept
from search_app.document_sets import rows_kept
from search_app.filter_fields import leaves, with_conditions
from search_app.filter_shape import shape_of
from search_app.filter_sql import Form, condition_of
from search_app.filter_store import where_of
from search_app.filters import OPERATORS, And, Condition, Expression, Not, Operands, Or, Phrase, operators_of
from tests.conftest import save
from tests.contracts.stored_vectors import spec, vector

Values = dict[str, list[Any]]
FIELDS = [
    FieldSpec(f"{type_}_{'list' if is_list else 'value'}", type_, is_list=is_list)
    for type_ in FieldType
    for is_list in (False, True)
]
TEXTS = ["one two\n three", "ONE two Three", "two", "-", "中文 一二", "É a_b 100% 🦊"]
PHRASES = [
    ("one", "two"),
    ("two",),
    ("TWO", "three"),
    ("中文",),
    ("文", "一"),
    ("a_b",),
    ("%", "🦊"),
    ("é",),
    ("e", "t"),
]


# --- the reference ------------------------------------------------------------------------------------------------


def keeps(expression: Expression, values: Values, text: str) -> bool:
    match expression:
        case And(parts):
            return all(keeps(part, values, text) for part in parts)
        case Or(parts):
            return any(keeps(part, values, text) for part in parts)
        case Not(part):
            return not keeps(part, values, text)
        case Phrase(words):
            return lower(" ".join(words)) in lower(" ".join(text.split()))
        case Condition(field, operator, operands):
            return MEANINGS[operator](values.get(field.name, []), field, *operands)


def some(compare: Callable[..., bool]) -> Callable[..., bool]:
    return lambda own, _field, *operands: any(compare(value, *operands) for value in own)


def contains(own: list[Any], field: FieldSpec, operand: Any) -> bool:
    return operand in own if field.is_list else any(lower(operand) in lower(value) for value in own)


MEANINGS: Mapping[str, Callable[..., bool]] = {
    **dict.fromkeys(("eq", "in", "any"), some(lambda value, *operands: value in operands)),
    **dict.fromkeys(("ne", "nin"), lambda own, _field, *operands: bool(own) and not set(own) & set(operands)),
    "lt": some(lambda value, end: value < end),
    "lte": some(lambda value, end: value <= end),
    "gt": some(lambda value, start: value > start),
    "gte": some(lambda value, start: value >= start),
    "between": some(lambda value, start, end: start <= value <= end),
    "all": lambda own, _field, *operands: set(operands) <= set(own),
    "exists": lambda own, _field, wanted: bool(own) is wanted,
    "contains": contains,
}


def lower(text: str) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


# --- random data --------------------------------------------------------------------------------------------------


def cleaned(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()[:MAX_TEXT]


EARLIEST, LATEST = datetime.min + timedelta(days=2), datetime.max - timedelta(days=2)
RAW: Mapping[FieldType, st.SearchStrategy[Any]] = {
    FieldType.TEXT: st.sampled_from(["a", "A", "b", "aB", "Éa", "éA", "中", "中文", "z_%", "\\", "10", "🦊", "\uffff"])
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=4).map(cleaned).filter(bool),
    FieldType.INTEGER: st.integers(-3, 3)
    | st.sampled_from([2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)])
    | st.integers(-(2**63), 2**63 - 1),
    FieldType.NUMBER: st.sampled_from([-0.0, 0.0, 0.5, -0.5, 1.0, 5.0, 5.5, -5.5, 1e300, -1e300, 5e-324, 2.0**53])
    | st.floats(allow_nan=False, allow_infinity=False),
    FieldType.BOOLEAN: st.booleans(),
    FieldType.DATE: st.sampled_from([date.min, date(1999, 12, 31), date(2000, 1, 1), date.max]) | st.dates(),
    FieldType.DATETIME: st.sampled_from([datetime(2000, 1, 1, 0, 0, 0, microsecond) for microsecond in (0, 1, 500_000)])
    | st.datetimes(EARLIEST, LATEST)
    | st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1)),
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """Values of each document, and a filter."""

    rows: list[Values]
    expression: Expression


@st.composite
def cases(draw: st.DrawFn, *, phrases: bool = True) -> Case:
    # Few fields, and few values of each, so that filters and documents have something to do with each other.
    fields = draw(st.lists(st.sampled_from(FIELDS), min_size=1, max_size=3, unique=True))
    pools = {
        field.name: draw(
            st.lists(
                RAW[field.type].map(as_read(field)),
                min_size=1,
                max_size=4,
            )
        )
        for field in fields
    }
    rows = [{field.name: draw(own_values(field, pools[field.name])) for field in fields} for _text in TEXTS]
    leaves: st.SearchStrategy[Expression] = st.sampled_from(fields).flatmap(
        lambda field: conditions(field, pools[field.name])
    )
    if phrases:
        leaves |= st.sampled_from(PHRASES).map(Phrase)
    return Case(rows, draw(expressions(leaves)))


def as_read(field: FieldSpec) -> Callable[[Any], Any]:
    return lambda raw: parse_value(raw, FieldSpec("", field.type), tz=UTC)[0]


def own_values(field: FieldSpec, pool: list[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(pool), max_size=3 if field.is_list else 1, unique=True)


def conditions(field: FieldSpec, pool: list[Any]) -> st.SearchStrategy[Condition]:
    one = st.sampled_from(pool)

    def of(operator: str) -> st.SearchStrategy[Condition]:
        operands: st.SearchStrategy[Iterable[Any]] = {
            Operands.ONE: st.tuples(one),
            Operands.TWO: st.tuples(one, one),
            Operands.MANY: st.lists(one, min_size=1, max_size=3),
            Operands.FLAG: st.tuples(st.booleans()),
        }[OPERATORS[operator].operands]
        return operands.map(lambda values: Condition(field, operator, tuple(values)))

    return st.sampled_from(operators_of(field)).flatmap(of)


def expressions(leaves: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    def branch(parts: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
        several = st.lists(parts, max_size=3).map(tuple)
        return several.map(And) | several.map(Or) | parts.map(Not)

    return st.recursive(leaves, branch, max_leaves=6)


# --- where it is evaluated ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shelf:
    """A collection with one document of each of TEXTS, whose values every example sets anew."""

    documents: list[Document]
    fields: dict[str, MetadataField]

    def put(self, rows: list[Values]) -> None:
        MetadataValue.objects.filter(document__in=self.documents).delete()
        MetadataValue.objects.bulk_create(
            self._value(document, name, position, value)
            for document, row in zip(self.documents, rows, strict=True)
            for name, values in row.items()
            for position, value in enumerate(values)
        )

    @property
    def ids(self) -> list[int]:
        return [document.pk for document in self.documents]

    def declared(self, expression: Expression) -> Expression:
        """Return an expression whose fields know that the collection declares them."""
        return with_conditions(expression, lambda own: replace(own, field=self.fields[own.field.name].spec))

    def _value(self, document: Document, name: str, position: int, value: Any) -> MetadataValue:
        field = self.fields[name]
        return MetadataValue(document=document, field=field, position=position, **{field.type: value})

    def wanted(self, case: Case) -> set[int]:
        told = zip(self.documents, case.rows, TEXTS, strict=True)
        return {document.pk for document, row, text in told if keeps(case.expression, row, text)}


@pytest.fixture
def shelf(db: None) -> Shelf:
    collection = services.create_collection("Shelf")
    documents = [save(collection, str(number), text) for number, text in enumerate(TEXTS)]
    fields = {
        field.name: MetadataField.objects.create(
            collection=collection, name=field.name, source_name=field.name, type=field.type.value, is_list=field.is_list
        )
        for field in FIELDS
    }
    return Shelf(documents, fields)


a_fixture_for_all_examples = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
MARKS, NUMBERS, MOMENTS = FIELDS[3], FIELDS[4], FIELDS[10]
ONE_SECOND = datetime(2000, 1, 1, tzinfo=UTC)


@settings(a_fixture_for_all_examples, max_examples=300)
@given(case=cases())
@example(Case([{NUMBERS.name: [-0.0]}] * 6, Condition(NUMBERS, "eq", (0.0,))))
@example(Case([{NUMBERS.name: [0.0]}] * 6, Condition(NUMBERS, "lt", (-0.0,))))
@example(Case([{MOMENTS.name: [ONE_SECOND]}] * 6, Condition(MOMENTS, "lt", (ONE_SECOND.replace(microsecond=1),))))
@example(Case([{MARKS.name: [1, 2]}] * 6, Condition(MARKS, "all", (1, 1))))
@example(Case([{}] * 6, Not(Or(()))))
@example(Case([{}] * 6, Or((And(()), Condition(NUMBERS, "exists", (True,))))))
def test_sql_keeps_what_the_reference_keeps_in_both_forms(shelf: Shelf, case: Case) -> None:
    shelf.put(case.rows)
    wanted, expression = shelf.wanted(case), shelf.declared(case.expression)
    shape = shape_of(expression)
    for form in Form:
        kept = Document.objects.filter(condition_of(expression, document="pk", form=form), pk__in=shelf.ids)
        assert (form, set(kept.values_list("pk", flat=True))) == (form, wanted)
        known_by_its_shape = prepared(asking(shape.expression, form), shape.expression, form)
        assert (form, set(known_by_its_shape.rows(documents=shelf.ids, **shape.values))) == (form, wanted)


def asking(expression: Expression, form: Form) -> Callable[[], QuerySet[Document, int]]:
    condition = condition_of(expression, document="pk", form=form)
    return lambda: Document.objects.filter(condition, pk__in=Many("documents")).values_list("pk", flat=True)


@settings(a_fixture_for_all_examples, max_examples=150)
@given(case=cases(phrases=False))
@example(Case([{MARKS.name: [1, 2]}] * 6, Condition(MARKS, "all", (1, 1))))
def test_the_sets_that_a_condition_is_made_of_are_what_the_reference_keeps(shelf: Shelf, case: Case) -> None:
    shelf.put(case.rows)
    ids, some = np.array(shelf.ids), np.array(shelf.ids[1::2])
    for condition in conditions_of(case.expression):
        wanted = np.isin(ids, list(shelf.wanted(Case(case.rows, condition))))
        declared = shelf.declared(condition)
        assert isinstance(declared, Condition)
        assert (rows_kept(declared, lambda found: np.isin(ids, found)) == wanted).all()
        among = rows_kept(declared, lambda found: np.isin(ids, found), among=some)
        assert (among[1::2] == wanted[1::2]).all()


@settings(a_fixture_for_all_examples, max_examples=150)
@given(case=cases(phrases=False))
@example(Case([{NUMBERS.name: [8.86237450712011e-275]}] * 6, Condition(NUMBERS, "eq", (8.86237450712011e-275,))))
@example(Case([{NUMBERS.name: [8877001048048415.0]}] * 6, Condition(NUMBERS, "eq", (8877001048048415.0,))))
def test_a_store_keeps_what_the_reference_keeps_or_says_that_it_cannot(
    shelf: Shelf, lasting_store: VectorStore, case: Case
) -> None:
    where = where_of(case.expression)
    event(f"translatable: {where is not None and lasting_store.can_filter(where)}")
    assume(where is not None)
    assert where is not None
    assume(lasting_store.can_filter(where) and not in_the_last_bits(case))
    shelf.put(case.rows)
    name = collection_of(lasting_store)
    metadata = record_metadata([document.pk for document in shelf.documents])
    lasting_store.upsert(name, [Record(pk, vector(1), {**values, "_document": pk}) for pk, values in metadata.items()])

    matches = lasting_store.query(name, vector(1), limit=100, where=where)

    assert {match.id for match in matches} & metadata.keys() == shelf.wanted(case)


def in_the_last_bits(case: Case) -> bool:
    """Say whether two numbers of a case differ in no more than what a store may lose of them, see `are_kept`."""
    numbers = {value for row in case.rows for values in row.values() for value in values if isinstance(value, float)}
    conditions = conditions_of(case.expression)
    numbers.update(value for each in conditions for value in each.values if isinstance(value, float))
    return any(are_kept({"": one}, {"": other}) for one, other in itertools.combinations(numbers, 2))


def conditions_of(expression: Expression) -> list[Condition]:
    return [leaf for leaf in leaves(expression) if isinstance(leaf, Condition)]


_names: dict[int, str] = {}


def collection_of(store: VectorStore) -> str:
    """Return a collection of the store's that the examples share: making one for each would take longest."""
    if id(store) not in _names:
        _names[id(store)] = f"test-{uuid.uuid4().hex}"
        store.create(spec(_names[id(store)]))
    return _names[id(store)]


@pytest.mark.parametrize(
    "expression",
    [
        Condition(FIELDS[0], "contains", ("a",)),
        Condition(FIELDS[1], "lt", ("a",)),
        Condition(FIELDS[1], "ne", ("a",)),
        Condition(FIELDS[1], "exists", (True,)),
        Condition(MOMENTS, "lt", (datetime(2200, 1, 1, tzinfo=UTC),)),
        Phrase(("a",)),
        And((Condition(FIELDS[0], "eq", ("a",)), Phrase(("a",)))),
        Not(Condition(FIELDS[0], "contains", ("a",))),
        And(()),
        Or(()),
    ],
)
def test_what_records_do_not_say_is_not_translated(expression: Expression) -> None:
    assert where_of(expression) is None


def test_what_keeps_everything_or_nothing_leaves_no_trace_in_what_a_store_is_asked() -> None:
    red = Condition(FIELDS[0], "eq", ("red",))
    assert where_of(And((And(()), red, Not(Or(()))))) == where_of(red) == where_of(Or((Or(()), red)))
    assert where_of(And((red, Or(())))) is None
