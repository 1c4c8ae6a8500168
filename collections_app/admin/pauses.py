"""What is paused because it is out of order: embedding profiles and vector stores."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import display

from collections_app import outages
from collections_app.admin import cells
from collections_app.admin.pages import Fact
from collections_app.admin.scope import user_of
from collections_app.reasons import in_readers_language
from collections_app.trail import record


def pause_tag(thing: outages.Pausable) -> str:
    if thing.paused_until is None:
        return cells.tag(_("in order"), cells.SUCCESS)
    return cells.tag(_("paused"), cells.DANGER, title=in_readers_language(thing.pause_reason))


def pause_fact(thing: outages.Pausable) -> Fact:
    if thing.paused_until is None:
        return Fact(_("State"), pause_tag(thing))
    when = cells.moment(thing.paused_until)
    note = format_html(_("Tried again {when}. {reason}"), when=when, reason=in_readers_language(thing.pause_reason))
    return Fact(_("State"), pause_tag(thing), note=note)


class Resumable:
    """A model admin of things that pause, with an action that ends a pause at once."""

    actions: Sequence[str] = ["resume_now"]
    object_actions: Sequence[str] = ["resume_now"]

    def has_resume_permission(self, request: HttpRequest) -> bool:
        opts = self.opts  # type: ignore[attr-defined]
        return bool(request.user.has_perm(f"{opts.app_label}.change_{opts.model_name}"))

    def can_act(self, obj: Any, action: str) -> bool:
        return action != "resume_now" or obj.paused_until is not None

    @display(description=gettext_lazy("state"), ordering="paused_until")
    def pause_state(self, obj: Any) -> str:
        return pause_tag(obj)

    @display(description=gettext_lazy("tried again"), ordering="paused_until")
    def tried_again(self, obj: Any) -> str:
        return cells.moment(obj.paused_until)

    @display(description=gettext_lazy("reason"))
    def why(self, obj: Any) -> str:
        return cells.reason(obj.pause_reason)

    @admin.action(description=gettext_lazy("Resume now"), permissions=["resume"])
    def resume_now(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        paused = list(queryset.filter(paused_until__isnull=False))
        for thing in paused:
            outages.resume(thing)
            if hasattr(thing, "public_id"):
                record(user_of(request), "resumed", thing)
        text = ngettext("%(count)d pause was ended.", "%(count)d pauses were ended.", len(paused))
        self.message_user(request, text % {"count": len(paused)}, messages.SUCCESS)  # type: ignore[attr-defined]
