import json
from argparse import ArgumentParser
from datetime import date
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q

from collections_app import accounting
from collections_app.accounting import Standing, Total
from collections_app.models import Budget, Collection, EmbeddingProfile, Purpose, Usage

BY = {
    "day": ("day",),
    "profile": ("profile_name",),
    "collection": ("collection_name",),
    "purpose": ("purpose",),
}


class Command(BaseCommand):
    help = (
        "Say what embedding took: tokens, calls, texts, what was found in SQL instead, seconds and money, by day, "
        "profile, collection or purpose, and how the budgets stand. With --json, one object is printed: rows, totals "
        "(one for each currency) and budgets."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--since", type=_day, metavar="YYYY-MM-DD", help="from this day on")
        parser.add_argument("--until", type=_day, metavar="YYYY-MM-DD", help="up to this day, inclusive")
        parser.add_argument("--collection", metavar="C", help="name, slug or public id of one, also of a deleted one")
        parser.add_argument("--profile", metavar="P", help="name or public id of an embedding profile")
        parser.add_argument("--by", choices=BY, default="profile", help="what the rows are (default: profile)")
        parser.add_argument("--json", action="store_true", help="print JSON instead of text")

    def handle(self, *args: Any, **options: Any) -> None:
        usage = self._chosen(options)
        rows, sums = accounting.totals(usage, BY[options["by"]]), accounting.totals(usage)
        standings = list(accounting.standings(Budget.objects.alive()))
        if options["json"]:
            report = {
                "rows": [{options["by"]: _key(total), **_as_json(total)} for total in rows],
                "totals": [_as_json(total) for total in sums],
                "budgets": [_standing_as_json(standing) for standing in standings],
            }
            self.stdout.write(json.dumps(report, ensure_ascii=False, indent=2))
            return
        for total in rows:
            self.stdout.write(f"{_key(total)}: {_words(total)}")
        if not rows:
            self.stdout.write("Nothing was embedded.")
        for total in sums if len(rows) > 1 else ():
            self.stdout.write(f"In all: {_words(total)}")
        for standing in standings:
            self.stdout.write(_standing_words(standing))

    def _chosen(self, options: dict[str, Any]) -> Any:
        usage = Usage.objects.all()
        if options["since"]:
            usage = usage.filter(day__gte=options["since"])
        if options["until"]:
            usage = usage.filter(day__lte=options["until"])
        if options["collection"]:
            usage = usage.filter(_named(options["collection"], Collection, "collection", Q(slug=options["collection"])))
        if options["profile"]:
            usage = usage.filter(_named(options["profile"], EmbeddingProfile, "profile", Q()))
        if (options["collection"] or options["profile"]) and not usage.exists():
            raise CommandError("Nothing was embedded for that in this time. Look at `manage.py usage --by collection`.")
        return usage


def _named(name: str, model: Any, prefix: str, more: Q) -> Q:
    """Return the condition on usage of what is or was called `name`, or has it as its public id."""
    living = model.objects.filter(Q(name=name) | more) if more else model.objects.filter(name=name)
    ids = list(living.values_list("public_id", flat=True))
    found = Q(**{f"{prefix}_name": name}) | Q(**{f"{prefix}_public_id__in": ids})
    try:
        return found | Q(**{f"{prefix}_public_id": UUID(name)})
    except ValueError:
        return found


def _day(text: str) -> date:
    return date.fromisoformat(text)


def _key(total: Total) -> str:
    (key,) = total.key
    if key in Purpose.values:
        return str(Purpose(str(key)).label)
    return str(key) or "no collection"


def _words(total: Total) -> str:
    money = f"; {total.money.normalize():f} {total.currency}" if total.currency else ""
    unsure = f" ({total.unconfirmed:,} of them unconfirmed)" if total.unconfirmed else ""
    return (
        f"{total.tokens:,} tokens{unsure} in {total.calls:,} calls, {total.texts:,} texts embedded, "
        f"{total.found:,} found in SQL, {total.seconds:,.1f} s{money}"
    )


def _as_json(total: Total) -> dict[str, Any]:
    return {
        "currency": total.currency,
        "money": str(total.money.normalize()),
        "tokens": total.tokens,
        "unconfirmed_tokens": total.unconfirmed,
        "calls": total.calls,
        "texts": total.texts,
        "found": total.found,
        "characters": total.characters,
        "seconds": round(total.seconds, 3),
    }


def _standing_words(standing: Standing) -> str:
    state = (
        f"; {accounting.reason(standing.budget)} {standing.waiting:,} documents wait." if standing.is_reached else ""
    )
    return f"Budget “{standing.budget}”: {standing.share:.0%} used{state}"


def _standing_as_json(standing: Standing) -> dict[str, Any]:
    budget = standing.budget
    return {
        "id": str(budget.public_id),
        "profile": budget.profile.name if budget.profile else None,
        "collection": budget.collection.name if budget.collection else None,
        "period": budget.period,
        "unit": budget.unit if not budget.currency else budget.currency,
        "limit": str(standing.limit_in_unit),
        "spent": str(standing.spent_in_unit),
        "reached": standing.is_reached,
        "waiting_documents": standing.waiting,
        "resumes_at": standing.until.isoformat() if standing.until else None,
    }
