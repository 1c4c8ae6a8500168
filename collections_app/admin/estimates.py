"""An estimate on a page of the admin."""

from django.db.models import Count, Sum
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from collections_app import accounting, services
from collections_app.admin import cells
from collections_app.admin.pages import Fact
from collections_app.models import Document, EntryState, ExtractionState, Import, SourceFile


def estimate_facts(figures: services.Estimate) -> list[Fact]:
    """Return what embedding would take, what that is based on, and which budgets have less room."""
    about = "" if figures.is_exact else "≈ "
    if figures.sampled:
        told = _("from %(sampled)d documents cut so") % {"sampled": figures.sampled}
    elif figures.passages:
        told = _("an index with these very settings exists")
    else:
        told = ""
    facts = [
        Fact(_("Documents"), about + cells.count(figures.documents)),
        Fact(_("Passages"), about + cells.count(figures.passages)),
        Fact(_("Passages to embed"), about + cells.count(figures.passages_to_embed)),
        Fact(_("Vectors found in SQL"), about + cells.count(figures.passages_found)),
        Fact(_("Tokens to embed"), about + cells.count(figures.tokens_to_embed), note=told),
        Fact(_("Time of one worker"), _time(figures), note=_speed(figures)),
    ]
    if figures.currency:
        facts.append(Fact(_("Money"), about + cells.money(figures.money, figures.currency)))
    facts += [
        Fact(
            _("Budget"),
            cells.tag(_("has less room"), cells.WARNING),
            cells.change_url(standing.budget),
            _("“%(budget)s” has room for %(room)s %(unit)s only; what is above it waits.")
            % {
                "budget": standing.budget,
                "room": cells.amount(standing.room_in_unit),
                "unit": standing.budget.currency or pgettext("unit", "tokens"),
            },
        )
        for standing in figures.short
    ]
    return facts


def _time(figures: services.Estimate) -> str:
    return cells.NOTHING if figures.seconds is None else "≈ " + services.duration(figures.seconds)


def _speed(figures: services.Estimate) -> str:
    if figures.timed:
        return _("from %d passages embedded now") % figures.timed
    if figures.seconds is None:
        return _("not measured: no budget has room for that")
    return _("from how fast this profile embedded lately") if figures.tokens_to_embed else ""


def waiting_facts(import_act: Import) -> list[Fact]:
    """Return what the documents of an import will take that are read and wait to be embedded.

    Told by SQL alone, because the page asks every few seconds: from their characters, at the rate of the profile.
    """
    index = services.index_to_fill(import_act.collection)
    files = SourceFile.objects.filter(import_items__import_act=import_act).distinct()
    unread = files.filter(state=ExtractionState.PENDING).count()
    entries = {"entries__index": index.pk, "entries__state": EntryState.PENDING}
    waiting = Document.objects.alive().filter(source_file__in=files, **entries)
    sums = waiting.aggregate(documents=Count("pk"), characters=Sum("size", default=0))
    note = (
        ngettext(
            "%(count)s file is not read yet; what it holds is not known.",
            "%(count)s files are not read yet; what they hold is not known.",
            unread,
        )
        % {"count": cells.count(unread)}
        if unread
        else ""
    )
    if not sums["documents"]:
        return [Fact(_("To be embedded"), cells.NOTHING, note=note)] if unread else []
    facts = [Fact(_("To be embedded"), _("%s documents") % cells.count(sums["documents"]), note=note)]
    pace = accounting.pace_of(index.profile)
    if pace is None:
        return facts
    tokens = round(sums["characters"] * pace.tokens_per_character)
    profile = index.profile
    upper = _("at most, by their length: what is found in SQL costs nothing")
    facts.append(Fact(_("Tokens to embed"), "≈ " + cells.count(tokens), note=upper))
    facts.append(Fact(_("Time of one worker"), "≈ " + services.duration(tokens * pace.seconds_per_token)))
    if profile.price:
        money = accounting.in_currency(accounting.cost_of(tokens, profile.price))
        facts.append(Fact(_("Money"), "≈ " + cells.money(money, profile.currency)))
    return facts
