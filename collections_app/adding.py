"""Adding to numbers in a row that may not be there yet: one statement, atomic by itself."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import Model


def add_to_row(
    model: type[Model], key: Mapping[str, Any], amounts: Mapping[str, int], *, latest: Mapping[str, Any] | None = None
) -> None:
    """Add `amounts` to the row of `key`, whose columns are unique together, or begin it with them.

    `latest` are columns of which the last value counts. May be part of the caller's transaction.
    """
    latest = latest or {}
    fields = {field.name: field for field in model._meta.concrete_fields}
    given = {**key, **latest, **amounts}
    values = [fields[name].get_db_prep_save(value, connection) for name, value in given.items()]
    with connection.cursor() as cursor:
        cursor.execute(_statement(connection.vendor, model, tuple(key), tuple(latest), tuple(amounts)), values)


@cache
def _statement(
    _vendor: str, model: type[Model], key: tuple[str, ...], latest: tuple[str, ...], amounts: tuple[str, ...]
) -> str:
    quote = connection.ops.quote_name
    columns = {field.name: str(field.column) for field in model._meta.concrete_fields}
    quoted = {name: quote(columns[name]) for name in (*key, *latest, *amounts)}
    table = quote(model._meta.db_table)
    sets = [f"{quoted[name]} = excluded.{quoted[name]}" for name in latest]
    sets += [f"{quoted[name]} = {table}.{quoted[name]} + excluded.{quoted[name]}" for name in amounts]
    return (
        f"INSERT INTO {table} ({', '.join(quoted.values())}) VALUES ({', '.join(['%s'] * len(quoted))}) "  # noqa: S608 - nothing in it comes from outside
        f"ON CONFLICT ({', '.join(quoted[name] for name in key)}) DO UPDATE SET {', '.join(sets)}"
    )
