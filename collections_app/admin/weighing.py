"""What meaning weighs beside words in an index: as it was learned, from what, and what goes before it."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from collections_app import tasks
from collections_app.admin import cells
from collections_app.admin.pages import Fact, Panel, SiteAdmin
from collections_app.admin.scope import user_of
from collections_app.fusion import SEMANTIC_WEIGHT
from collections_app.models import VectorIndex
from collections_app.trail import record


def weight_fact(index: VectorIndex) -> Fact:
    """Return the weight that searches use, why, and the way to where it can be set."""
    override = index.collection.semantic_weight
    if override is not None:
        weight, why = override, _("set for the collection")
    elif index.semantic_weight is not None:
        weight, why = index.semantic_weight, _("learned from the passages")
    else:
        weight, why = SEMANTIC_WEIGHT, _("the default")
    return Fact(_("Weight of meaning"), f"{weight:.2f}", cells.change_url(index.collection), why)


def weight_panel(index: VectorIndex) -> Panel:
    """Return what the weight was learned from: of all passages, and of each language that has enough of them."""
    found = index.calibration
    rows: list[Any] = []
    if index.semantic_weight is not None:
        rows = [_row(_("all"), found), *(_row(name, known) for name, known in found.get("languages", {}).items())]
    empty = _("It has not been calibrated yet; a worker does so when all of its documents are indexed.")
    if index.calibrated_at and not rows:
        empty = _("Too few of its passages have several sentences to learn from; the default is used.")
    return Panel(
        title=_("What meaning weighs beside words"),
        headers=[_("Language"), _("Questions"), _("By meaning"), _("By words"), _("By both"), _("Weight"), _("When")],
        rows=[[*row, cells.moment(index.calibrated_at)] for row in rows],
        empty=empty,
        note=_(
            "Sentences are taken out of passages and asked as questions; the figures are nDCG@10 of finding the rest."
        ),
    )


def _row(language: str, known: Mapping[str, Any]) -> list[Any]:
    figures = [f"{known[name]:.3f}" for name in ("semantic", "lexical", "hybrid")]
    return [language, cells.count(known["questions"]), *figures, f"{known['weight']:.2f}"]


def calibrate_indexes(model_admin: SiteAdmin, request: HttpRequest, indexes: QuerySet[VectorIndex]) -> None:
    """Have workers learn the weights of indexes anew."""
    for index in indexes.select_related("collection"):
        if tasks.ask_for_calibration(index.pk):
            record(user_of(request), "calibrated", index)
            text = _("%s is being calibrated; the result will be on its page.") % index
            model_admin.message_user(request, text, messages.SUCCESS)
        else:
            text = _("%s cannot be calibrated now: the workers cannot be reached. Look at the broker.") % index
            model_admin.message_user(request, text, messages.ERROR)
