"""Deleting in the admin what only the services may delete, with a confirmation that says what will happen."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.admin.actions import delete_selected
from django.contrib.admin.utils import model_ngettext
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from collections_app.admin import cells

NAMED = 20


@dataclass(frozen=True, slots=True)
class Effects:
    """What a deletion will do: how many rows of what will go, and sentences about the rest."""

    counts: Sequence[tuple[str, int]]
    sentences: Sequence[str | Promise]


class ServiceDeletion:
    """For a model admin whose rows the services delete, in transactions of their own.

    Django's confirmation collects every related object and stops at protected ones. Here nothing is cascaded, so the
    page says with numbers what the service will do instead.
    """

    delete_confirmation_template = "collections_app/admin/delete_confirmation.html"
    delete_selected_confirmation_template = "collections_app/admin/delete_selected_confirmation.html"

    def deletion_effects(self, rows: QuerySet[Any]) -> Effects:
        raise NotImplementedError

    def delete_rows(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        """Delete `rows`, all of which the user may delete, through the services."""
        raise NotImplementedError

    # --- what Django calls ---

    def get_deleted_objects(
        self, objs: Iterable[Model], request: HttpRequest
    ) -> tuple[list[Any], dict[Any, int], set[Any], list[Any]]:
        rows = self._rows(objs)
        total = rows.count()
        names: list[Any] = [str(row) for row in rows[:NAMED]]
        if total > len(names):
            names.append(_("and %(count)s more") % {"count": total - len(names)})
        effects = self.deletion_effects(rows)
        counts: dict[Any, int] = {model_ngettext(self.opts, total): total}  # type: ignore[attr-defined]
        lacking = set() if self._all_writable(request, rows, total) else {self.opts.verbose_name}  # type: ignore[attr-defined]
        # Only our own templates read the first element, so it can carry the sentences too.
        return [names, effects.sentences], counts | dict(effects.counts), lacking, []

    def _all_writable(self, request: HttpRequest, rows: QuerySet[Any], total: int) -> bool:
        return bool(self.writable(request, rows).count() == total)  # type: ignore[attr-defined]

    def _rows(self, objs: Iterable[Model]) -> QuerySet[Any]:
        """Return the objects as a queryset free of a list's annotations."""
        keys: Any = objs.values("pk") if isinstance(objs, QuerySet) else [obj.pk for obj in objs]
        model = self.model  # type: ignore[attr-defined]
        rows: QuerySet[Any] = model._default_manager.filter(pk__in=keys).order_by("pk")
        return rows

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Delete one object. Django would put all of it into one transaction; the services commit in batches."""
        response: HttpResponse = self._delete_view(request, object_id, extra_context)  # type: ignore[attr-defined]
        return response

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = super().get_actions(request)  # type: ignore[misc]
        if "delete_selected" in actions:
            _, name, description = actions["delete_selected"]
            actions["delete_selected"] = (_delete_selected, name, description)
        return actions

    def delete_confirmed(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Delete what was selected, tens of thousands of rows as well; Django would load every one of them first."""
        rows = self._rows(queryset)
        count = rows.count()
        if not self._all_writable(request, rows, count):
            raise PermissionDenied
        self.delete_rows(request, rows)
        told = {"count": cells.count(count), "items": model_ngettext(self.opts, count)}  # type: ignore[attr-defined]
        text = _("Successfully deleted %(count)s %(items)s.") % told
        self.message_user(request, text, messages.SUCCESS)  # type: ignore[attr-defined]

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        self.delete_rows(request, self._rows([obj]))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self.delete_rows(request, self._rows(queryset))


def _delete_selected(model_admin: Any, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
    if request.POST.get("post"):
        model_admin.delete_confirmed(request, queryset)
        return None
    response: HttpResponse | None = delete_selected(model_admin, request, queryset)
    return response
