"""Audits that somebody asks for in the admin; a worker does them."""

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from collections_app import tasks
from collections_app.admin import cells
from collections_app.admin.form_page import form_page, see_other
from collections_app.admin.pages import SiteAdmin
from collections_app.admin.scope import user_of
from collections_app.models import VectorIndex
from collections_app.trail import record


def audit_indexes(
    model_admin: SiteAdmin, request: HttpRequest, indexes: QuerySet[VectorIndex], *, deep: bool = False
) -> None:
    """Have workers compare indexes with their stores."""
    for index in indexes.select_related("collection"):
        _ask(model_admin, request, index, deep=deep, repair=False)


def _ask(model_admin: SiteAdmin, request: HttpRequest, index: VectorIndex, *, deep: bool, repair: bool) -> None:
    if tasks.ask_for_audit(index.pk, deep=deep, repair=repair):
        text = _("%s is being audited; the result will be on its page.") % index
        model_admin.message_user(request, text, messages.SUCCESS)
    else:
        text = _("%s cannot be audited now: the workers cannot be reached. Look at the broker.") % index
        model_admin.message_user(request, text, messages.ERROR)


def repair_view(request: HttpRequest, model_admin: SiteAdmin, index: VectorIndex) -> HttpResponse:
    """Say what an audit with repair does, then have a worker do it."""
    if request.method == "POST":
        record(user_of(request), "audited and repaired", index)
        _ask(model_admin, request, index, deep=True, repair=True)
        return see_other(cells.change_url(index))
    last = index.audits.filter(finished_at__isnull=False).first()
    found = cells.findings(last.report) if last and last.report.get("findings") else ""
    return form_page(
        request, model_admin, form=forms.Form(), title=_("Audit and repair %s") % index, submit=_("Audit and repair"),
        intro=_("SQL is compared with the vector store, vectors and metadata too, and what is wrong is mended."),
        sentences=[
            _("The last audit found: %s.") % found if found else _("The last audit found nothing, or there was none."),
            _("What is missing in the store is copied from SQL, and what does not belong there is removed."),
            _("Documents with damaged passages or vectors are projected anew; only lost vectors are embedded again."),
            _("If most records are wrong, a new physical collection is filled; until then search answers from SQL."),
            _("No document is changed or deleted."),
        ],
    )  # fmt: skip
