"""PostgreSQL plans by what it knows of its tables, and learns of a bulk import a minute later.

Until then it believes a collection of thousands to be empty, and answers a search by reading all of it: just after
20,000 documents were saved, listing those that two filters keep took 2 s, and 0.1 s when their tables were analysed. So
whoever sweeps has tables analysed that have grown, which locks nobody out. SQLite plans by its indexes alone.
"""

from django.apps import apps
from django.db import connection

# Rows written since a table was last analysed: so many, and more than this share of it.
LEAST_ROWS, LEAST_SHARE = 1000, 0.2


def renew() -> list[str]:
    """Have the tables analysed that have changed much since they last were; return their names."""
    if connection.vendor != "postgresql":
        return []
    tables = [model._meta.db_table for model in apps.get_app_config("collections_app").get_models()]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_stat_user_tables WHERE schemaname = current_schema() AND relname = ANY(%s) "
            "AND n_mod_since_analyze >= greatest(%s, %s * n_live_tup) ORDER BY relname",
            [tables, LEAST_ROWS, LEAST_SHARE],
        )
        grown = [name for (name,) in cursor.fetchall()]
        for name in grown:
            cursor.execute(f"ANALYZE {connection.ops.quote_name(name)}")
    return grown
