"""All checks by name, those first without which the others cannot work."""

from collections_app.health.budgets import budgets
from collections_app.health.database import answers, database, disk, migrations
from collections_app.health.embedders import embedders
from collections_app.health.finding import Check
from collections_app.health.stores import audits, indexes, pauses, stores
from collections_app.health.work import broker, failures, leases, pending, scheduler, site, sweeps, workers

# The names are part of what programs rely on: `manage.py doctor --json`.
CHECKS = (
    Check("site", site),
    Check("database", database),
    Check("migrations", migrations),
    Check("disk", disk),
    Check("broker", broker),
    Check("workers", workers),
    Check("scheduler", scheduler),
    Check("stores", stores, seconds=20.0),
    # Loading a model takes seconds.
    Check("embedders", embedders, seconds=60.0),
    Check("budgets", budgets),
    Check("pending", pending),
    Check("failures", failures),
    Check("leases", leases),
    Check("indexes", indexes),
    Check("audits", audits),
)

# What search cannot do without, and what it can; quick enough to be asked every second.
REQUIRED = (Check("database", answers, seconds=2.0), Check("migrations", migrations, seconds=2.0))
OPTIONAL = (
    Check("broker", broker, seconds=2.0),
    Check("workers", sweeps, seconds=2.0),
    Check("stores", pauses, seconds=2.0),
    Check("budgets", budgets, seconds=2.0),
)
