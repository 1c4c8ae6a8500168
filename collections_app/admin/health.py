"""What `manage.py doctor` says, as a page."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from collections_app.admin import cells
from collections_app.admin.pages import Panel, SiteAdmin
from collections_app.health import CHECKS, Level, Result, examine

# A page that takes longer is closed before it comes.
_SECONDS = 10.0
# What people read for the names of the checks.
PARTS = {
    "site": pgettext_lazy("part of the site", "site"),
    "database": pgettext_lazy("part of the site", "database"),
    "migrations": pgettext_lazy("part of the site", "migrations"),
    "disk": pgettext_lazy("part of the site", "disk"),
    "broker": pgettext_lazy("part of the site", "broker"),
    "workers": pgettext_lazy("part of the site", "workers"),
    "scheduler": pgettext_lazy("part of the site", "scheduler"),
    "stores": pgettext_lazy("part of the site", "stores"),
    "embedders": pgettext_lazy("part of the site", "embedders"),
    "budgets": pgettext_lazy("part of the site", "budgets"),
    "pending": pgettext_lazy("part of the site", "pending"),
    "failures": pgettext_lazy("part of the site", "failures"),
    "leases": pgettext_lazy("part of the site", "leases"),
    "indexes": pgettext_lazy("part of the site", "indexes"),
    "audits": pgettext_lazy("part of the site", "audits"),
}


def health_page(request: HttpRequest, model_admin: SiteAdmin) -> HttpResponse:
    """Look at every part of the site now, and tell what was found."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    results = examine(CHECKS, seconds=_SECONDS)
    panel = Panel(
        title=_("Every part of the site, as it is now"),
        headers=[_("Part"), _("State"), _("What was found"), _("What to do")],
        rows=[
            [
                PARTS.get(result.name, result.name),
                _tag(result),
                result.finding.found,
                result.finding.remedy or cells.NOTHING,
            ]
            for result in results
        ],
        note=_("`manage.py doctor` says the same in a terminal, also while the site is stopped."),
    )
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Health"),
        "panel": panel,
        "opts": model_admin.opts,
        "media": model_admin.media,
    }
    request.current_app = model_admin.admin_site.name
    return TemplateResponse(request, "collections_app/admin/health.html", context)


def _tag(result: Result) -> str:
    match result.finding.level:
        case Level.OK:
            return cells.tag(_("in order"), cells.SUCCESS)
        case Level.WARNING:
            return cells.tag(_("to be looked at"), cells.WARNING)
        case Level.ERROR:
            return cells.tag(_("does not work"), cells.DANGER)
