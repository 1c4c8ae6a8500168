"""What all admin pages of the site share: lists fit for many rows, and object pages with facts, buttons and tables."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import DecimalField, Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator
from unfold.views import ChangeList

from collections_app.admin.cells import NOTHING, change_url, list_url, moment, trail_action, trail_details
from collections_app.admin.scope import CollectionScope
from collections_app.forms.numbers import ExactDecimalField
from collections_app.models import TrailRecord

PANEL_ROWS = 50
_BACK = "back_to_object"


@dataclass(frozen=True, slots=True)
class Fact:
    """A number or a state that a page shows at its top, with a link to what lies behind it."""

    label: str
    value: Any
    url: str = ""
    note: Any = ""


@dataclass(frozen=True, slots=True)
class PageLink:
    """A way from an object's page to a page that has to do with it."""

    label: str
    url: str
    icon: str


@dataclass(frozen=True, slots=True)
class Panel:
    """A table beneath an object's form. `more` leads to all of its rows when `rows` are only the first ones."""

    title: str
    headers: Sequence[Any]
    rows: Sequence[Sequence[Any]]
    more: str = ""
    empty: str = ""
    note: str = ""

    @property
    def table(self) -> dict[str, Any]:
        return {"headers": self.headers, "rows": self.rows}


@dataclass(frozen=True, slots=True)
class Button:
    """A list action, offered on the page of one object."""

    name: str
    label: str


@dataclass(slots=True)
class PageParts:
    """What an object's page shows beside its form."""

    facts: Sequence[Fact] = ()
    links: Sequence[PageLink] = ()
    buttons: Sequence[Button] = ()
    panels: Sequence[Panel] = field(default_factory=list)
    live: str = ""


class QuickChangeList(ChangeList):
    """A list that knows, without counting, that all rows are shown when nothing narrows it."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not (self.query or self.has_active_filters):
            self.full_result_count = self.result_count


class QuickList:
    """A list that stays quick with many rows: no total counts beside a filtered one, filters without counts."""

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    list_max_show_all = 200
    list_filter_submit = True
    list_fullwidth = True
    empty_value_display = NOTHING

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[QuickChangeList]:
        return QuickChangeList


class SiteAdmin(QuickList, CollectionScope, ModelAdmin):
    """What every model admin of the site is: a quick list, and a page per object with facts, buttons and tables."""

    # What can be done with one object at its own page: names out of `actions`.
    object_actions: Sequence[str] = ()
    change_form_outer_before_template = "collections_app/admin/overview.html"
    change_form_outer_after_template: str | None = "collections_app/admin/panels.html"

    formfield_overrides = {DecimalField: {"form_class": ExactDecimalField}}

    class Media:
        js = ["collections_app/live.js"]

    # --- the page of one object ---

    def facts(self, request: HttpRequest, obj: Any) -> Sequence[Fact]:
        return ()

    def links(self, request: HttpRequest, obj: Any) -> Sequence[PageLink]:
        return ()

    def panels(self, request: HttpRequest, obj: Any) -> Sequence[Panel]:
        return ()

    def can_act(self, obj: Any, action: str) -> bool:
        """Return whether `action`, one of `object_actions`, can do anything with `obj` as it is now."""
        return True

    def is_settling(self, obj: Any) -> bool:
        """Return whether something is still going on with `obj`, so that its page refreshes itself."""
        return False

    def parts(self, request: HttpRequest, obj: Model) -> PageParts:
        live = reverse(f"admin:{self._url_name}_live", args=[obj.pk]) if self.is_settling(obj) else ""
        return PageParts(
            facts=self.facts(request, obj),
            links=self.links(request, obj),
            buttons=self._buttons(request, obj),
            panels=self.panels(request, obj),
            live=live,
        )

    def _buttons(self, request: HttpRequest, obj: Model) -> list[Button]:
        if not self.may_write(request, obj):
            return []
        actions = self.get_actions(request)
        return [
            Button(name, str(actions[name][2]))
            for name in self.object_actions
            if name in actions and self.can_act(obj, name)
        ]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        obj = kwargs.get("obj")
        context["show_history"] = hasattr(self.model, "public_id")
        if obj is not None:
            context |= {"parts": self.parts(request, obj), "list_url": list_url(self.model)}
        response: HttpResponse = super().render_change_form(request, context, **kwargs)
        return response

    # --- refreshing itself ---

    @property
    def _url_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}"

    def get_urls(self) -> list[URLPattern]:
        live = path("<path:object_id>/live/", self.admin_site.admin_view(self.live_view), name=f"{self._url_name}_live")
        return [live, *super().get_urls()]

    def live_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Answer with the parts of an object's page that change by themselves."""
        obj = self.get_object(request, object_id)
        if obj is None:
            raise Http404
        if not self.has_view_permission(request, obj):
            raise PermissionDenied
        context = {"parts": self.parts(request, obj), "original": obj, "list_url": list_url(self.model)}
        return TemplateResponse(request, "collections_app/admin/live.html", context)

    # --- actions ---

    def response_action(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        """Run an action; one that was started at an object's page ends there."""
        response: HttpResponse | None = super().response_action(request, queryset)
        back = request.POST.get(_BACK)
        if back and isinstance(response, HttpResponseRedirect):
            obj = self.get_object(request, back)
            return HttpResponseRedirect(change_url(obj) if obj else list_url(self.model))
        return response

    # --- history ---

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Write nothing to Django's admin log: the trail knows every change, wherever it was made."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Write nothing to Django's admin log, see `log_addition`."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        """Write nothing to Django's admin log, see `log_addition`."""

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Show what the trail knows about an object that has a public id."""
        obj = self.get_object(request, object_id)
        if obj is None or not hasattr(obj, "public_id"):
            response: HttpResponse = super().history_view(request, object_id, extra_context)
            return response
        if not self.has_view_or_change_permission(request, obj):
            raise PermissionDenied
        records = TrailRecord.objects.filter(object_id=obj.public_id).select_related("actor")
        page = Paginator(records, 100).get_page(request.GET.get("p"))
        context = {
            **self.admin_site.each_context(request),
            "title": _("History of %(name)s") % {"name": obj},
            "panel": trail_panel(list(page)),
            "page": page,
            "object": obj,
            "opts": self.opts,
            "media": self.media,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "collections_app/admin/history.html", context)


class ReadOnlyAdmin(SiteAdmin):
    """Shows what the site writes itself."""

    actions: Sequence[str] = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class EndlessAdmin(ReadOnlyAdmin):
    """Pages through a table that may have millions of rows, and never counts them."""

    paginator = InfinitePaginator
    list_disable_select_all = True
    list_max_show_all = 0


def trail_panel(records: Sequence[TrailRecord], *, more: str = "") -> Panel:
    """Return a table of trail records whose actors are loaded."""
    return Panel(
        title=_("History"),
        headers=[_("When"), _("Who"), _("Action"), _("Details")],
        rows=[
            [
                moment(record.at),
                record.actor or _("the site itself"),
                trail_action(record.action),
                trail_details(record.details),
            ]
            for record in records
        ],
        more=more,
        empty=_("Nothing was recorded yet."),
    )


def trail_of(obj: Any) -> Panel:
    """Return the latest trail records of an object that has a public id."""
    records = list(TrailRecord.objects.filter(object_id=obj.public_id).select_related("actor")[:10])
    history = reverse(f"admin:{obj._meta.app_label}_{obj._meta.model_name}_history", args=[obj.pk])
    return trail_panel(records, more=history if len(records) == 10 else "")
