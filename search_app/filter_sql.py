"""Filter expression -> SQL condition over documents, by way of their MetadataValue rows, and of their text."""

import re
from enum import Enum
from functools import reduce
from operator import and_, or_
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, Count, Exists, F, Func, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Lower, StrIndex
from django.db.models.sql.compiler import SQLCompiler

from collections_app.metadata import FieldType
from collections_app.models import MetadataValue
from collections_app.prepared import Operand
from search_app.filters import And, Condition, Expression, Not, Or, Phrase

_LOOKUPS = {"lt": "lt", "lte": "lte", "gt": "gt", "gte": "gte", "between": "range"}
_ASCII_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
# Django takes an empty Q for "no condition" even where it is negated or one side of an OR.
_NONE = Q(pk__in=[])
_ALL = ~_NONE


class Form(Enum):
    """How a condition asks for values. Both keep the same documents.

    Over 100,000 documents on SQLite, counting a filter that keeps 10 % takes 3 ms as a set and 33 ms as a probe;
    checking 64 given documents takes 6 ms as a set and 0.04 ms as a probe.
    """

    SET = "all documents that the filter keeps"
    PROBE = "whether it keeps the documents at hand"


def condition_of(expression: Expression, *, document: str, form: Form) -> Q:
    """Return the condition of an expression, in a query in which `document` is the path to a document's primary key.

    The expression is over what one collection declares, with values or with Operands in their places (`filter_shape`).
    """
    match expression:
        case Condition():
            return _comparison(expression, document, form)
        case And(parts):
            return reduce(and_, (condition_of(part, document=document, form=form) for part in parts), _ALL)
        case Or(parts):
            return reduce(or_, (condition_of(part, document=document, form=form) for part in parts), _NONE)
        case Not(part):
            return ~condition_of(part, document=document, form=form)
        case Phrase(words):
            return _saying(words, document)


def _comparison(condition: Condition, document: str, form: Form) -> Q:
    column = condition.field.type.value
    ((_collection, field),) = condition.field.declared
    field_values = MetadataValue.objects.filter(field=field)
    if form is Form.PROBE:
        # SQLite would rather read all values of the range, or of the field, by their index than a document's own.
        # Of an expression it does not know that it has an index: 150 times as fast for 40 documents of 10,000.
        field_values = field_values.alias(probed=Coalesce(column, column)).filter(probed__isnull=False)
    else:
        field_values = field_values.filter(**{f"{column}__isnull": False})
    some = _having(field_values, document, form)
    match condition.operator:
        case "exists":
            return some if condition.values[0] else ~some
        case "ne" | "nin":
            return some & ~_having(_equal(field_values, condition), document, form)
        case "eq" | "in" | "any":
            return _having(_equal(field_values, condition), document, form)
        case "all":
            return _having(_having_all(field_values, condition), document, form)
        case "contains":
            return _having(_containing(field_values, condition), document, form)
        case operator:
            operand = condition.values if operator == "between" else condition.values[0]
            compared = "probed" if form is Form.PROBE else column
            meeting = field_values.filter(**{f"{compared}__{_LOOKUPS[operator]}": operand})
            return _having(meeting, document, form)


def _having(values: QuerySet[MetadataValue, Any], document: str, form: Form) -> Q:
    if form is Form.SET:
        return Q(**{f"{document}__in": values.values("document")})
    return Q(_Probe(values.filter(document=OuterRef(document))))


class _Probe(Exists):
    """EXISTS that PostgreSQL asks for each row by itself.

    It would rather make a join of it, for which it may read all documents that have the value: how many these are, a
    plan that is kept for all values does not know.
    """

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="EXISTS(%(subquery)s OFFSET 0)", **context)


def _equal(values: QuerySet[MetadataValue], condition: Condition) -> QuerySet[MetadataValue]:
    return values.filter(**{f"{condition.field.type.value}__in": condition.values})


def _having_all(values: QuerySet[MetadataValue], condition: Condition) -> QuerySet[MetadataValue, Any]:
    column, wanted = condition.field.type.value, len(set(condition.values))
    # Grouped, and not one subquery for each value, of which there may be hundreds.
    found = _equal(values, condition).order_by().values("document")
    return found.annotate(found=Count(column, distinct=True)).filter(found=wanted)


def _containing(values: QuerySet[MetadataValue], condition: Condition) -> QuerySet[MetadataValue]:
    if not asks_for_part(condition):
        return _equal(values, condition)
    # Not `icontains`: LIKE folds A-Z alone on SQLite, and by the server's locale on PostgreSQL. The column's collation
    # is C, in which LOWER folds A-Z alone on both.
    (part,) = condition.values
    part = part if isinstance(part, Operand) else Value(lowered(part))
    return values.annotate(found_at=StrIndex(Lower("text"), part)).filter(found_at__gt=0)


def asks_for_part(condition: Condition) -> bool:
    """Return whether a condition asks for a part of a text, in which the case of A-Z does not count."""
    field = condition.field
    return condition.operator == "contains" and field.type is FieldType.TEXT and not field.is_list


def lowered(text: str) -> str:
    """Return a text with A-Z in lower case, and nothing else."""
    return text.translate(_ASCII_LOWER)


# --- phrases ------------------------------------------------------------------------------------------------------


class _Match(Func):
    """A text compared with a pattern, by a sign that folds A-Z alone: on PostgreSQL under the collation C."""

    output_field = BooleanField()
    template = "%(expressions)s"
    sqlite: str
    postgresql: str

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> Any:
        return self.as_sql(compiler, connection, arg_joiner=self.sqlite, **context)

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> Any:
        return self.as_sql(compiler, connection, arg_joiner=f' COLLATE "C" {self.postgresql} ', **context)


class _Like(_Match):
    template = "%(expressions)s ESCAPE '\\'"
    sqlite, postgresql = " LIKE ", "ILIKE"


class _Regex(_Match):
    # Python's expressions, with its flags for this: ASCII alone, and any case.
    sqlite, postgresql = " REGEXP '(?ai)' || ", "~*"


def _saying(words: tuple[str, ...], document: str) -> Q:
    """Return the condition that title or text have these words, with any white space between them.

    It is the same in both forms: a text is looked at where its document is, since no index says which texts have a
    phrase. 100,000 texts of 800 characters take 0.2 s on SQLite and 0.4 s on PostgreSQL, 200 of them 1 and 6 ms. It is
    the document and not the passage that has to have the words, as with every filter: so it may be negated, and a
    phrase is found across the border of two passages.
    """
    prefix = "" if document == "pk" else f"{document}__"
    return _has(F(f"{prefix}title"), words) | _has(F(f"{prefix}content__text"), words)


def _has(text: F, words: tuple[str, ...]) -> Q:
    like = "%".join(re.sub(r"([%_\\])", r"\\\1", word) for word in words)
    condition = Q(_Like(text, Value(f"%{like}%")))
    if len(words) == 1:
        return condition
    # LIKE comes first because it is quick, and leaves few texts to the expression, which alone knows white space.
    return condition & Q(_Regex(text, Value(r"\s+".join(map(re.escape, words)))))
