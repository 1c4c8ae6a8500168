"""The lab: texts as several models see them, and what shorter or coarser vectors would do to the rankings."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collections_app import lab
from collections_app.admin import cells
from collections_app.admin.form_page import require
from collections_app.admin.lab_tables import (
    Heat,
    agreement_panel,
    heats,
    overview_panel,
    ranking_panel,
    texts_panel,
    variants_panel,
)
from collections_app.admin.pages import Fact, Panel, SiteAdmin
from collections_app.embeddings.presets import PRESETS
from collections_app.forms.lab import ComparisonForm, LabForm, RankingForm, values_of
from collections_app.lab import Embedded, Example, Failed, Finding, Result, Unsent
from collections_app.models import EmbeddingProfile


@dataclass(frozen=True, slots=True)
class _Mode:
    """One of the two forms."""

    slug: str
    title: Promise | str
    intro: Promise | str
    submit: Promise | str
    form: type[LabForm]
    examples: Sequence[Example]


_MODES = (
    _Mode(
        "compare",
        gettext_lazy("Compare texts"),
        gettext_lazy("Each text is embedded as a passage, and every two are compared."),
        gettext_lazy("Compare"),
        ComparisonForm,
        lab.COMPARISONS,
    ),
    _Mode(
        "rank",
        gettext_lazy("Rank for a query"),
        gettext_lazy("The query is embedded as a query, each text as a passage, and those nearest to it come first."),
        gettext_lazy("Rank the texts"),
        RankingForm,
        lab.RANKINGS,
    ),
)


@dataclass(frozen=True, slots=True)
class Section:
    """What the page shows of one profile: its tables, or why it has none."""

    title: str
    url: str
    failure: str = ""
    unsent: Sequence[str] = ()
    facts: Sequence[Fact] = ()
    before: Sequence[Panel] = ()
    heats: Sequence[Heat] = ()
    after: Sequence[Panel] = ()
    npy: str = ""


def lab_page(request: HttpRequest, model_admin: SiteAdmin) -> HttpResponse:
    """Show the two forms, and for what was given in one of them what each chosen profile makes of it.

    For whoever may see embedding profiles. Nothing is changed.
    """
    require(model_admin.has_view_permission(request))
    mode = next((mode for mode in _MODES if mode.slug == request.GET.get("form")), _MODES[0])
    form = mode.form(request.POST or None, initial=_initial(request, mode))
    shown: dict[str, Any] = {}
    if request.method == "POST" and form.is_valid():
        profiles = form.cleaned_data["profiles"]
        results = [lab.find(profile, form.texts, form.trials, may_send=form.may_send) for profile in profiles]
        if download := _download(request.POST.get("download", ""), form, results):
            return download
        shown = _shown(form, results)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Lab"),
        "mode": mode,
        "modes": _MODES,
        "form": form,
        "lab_url": reverse("admin:collections_app_lab"),
        "has_profiles": EmbeddingProfile.objects.exists(),
        "opts": model_admin.opts,
        "media": model_admin.media + form.media,
        **shown,
    }
    request.current_app = model_admin.admin_site.name
    return TemplateResponse(request, "collections_app/admin/lab.html", context)


def _initial(request: HttpRequest, mode: _Mode) -> dict[str, Any]:
    default = EmbeddingProfile.objects.order_by("-is_default", "name").values_list("public_id", flat=True).first()
    chosen = next((one for one in mode.examples if one.slug == request.GET.get("example")), None)
    return {"profiles": [default] if default else [], **(values_of(chosen) if chosen else {})}


def _shown(form: LabForm, results: Sequence[Result]) -> dict[str, Any]:
    found = [result for result in results if isinstance(result, Finding)]
    k = form.trials.k
    return {
        "sections": [_section(result) for result in results],
        "comparison": [overview_panel(form.texts, found), agreement_panel(found, k=k)] if len(found) > 1 else [],
        "consent": form.texts.digest,
        "consented": form.texts.digest if form.may_send else "",
        "has_vectors": bool(found),
    }


def _section(result: Result) -> Section:
    profile = result.profile
    title, url = profile.name, cells.change_url(profile)
    match result:
        case Failed(reason=reason):
            return Section(title, url, failure=reason)
        case Unsent():
            return Section(title, url, unsent=_unsent(result))
        case Finding():
            ranking = [ranking_panel(result), *variants_panel(result)]
            # For a query the ranking is what was asked for; else the matrices are.
            is_ranked = result.embedded.query is not None
            return Section(
                title,
                url,
                facts=_facts(result.embedded),
                before=ranking if is_ranked else [],
                heats=heats(result),
                after=[*([] if is_ranked else ranking), texts_panel(result)],
                npy=f"npy:{profile.public_id}",
            )


def _facts(embedded: Embedded) -> list[Fact]:
    tokens = cells.count(embedded.token_sum)
    prefixes = [
        Fact(label, cells.code(prefix))
        for label, prefix in (
            (_("Prefix of queries"), embedded.query_prefix if embedded.query is not None else ""),
            (_("Prefix of passages"), embedded.passage_prefix),
        )
        if prefix
    ]
    return [
        Fact(_("Dimensions"), embedded.vectors.shape[1]),
        Fact(_("Tokens"), _("about %s") % tokens if embedded.is_estimate else tokens),
        Fact(
            _("Milliseconds"),
            f"{embedded.milliseconds:.1f}",
            note=_("of a moment ago; not embedded again") if embedded.is_remembered else "",
        ),
        *prefixes,
    ]


def _unsent(unsent: Unsent) -> list[str]:
    """Return what is to be known before texts are sent: to whom, how much, and at which price if it is known."""
    profile = unsent.profile
    tokens = cells.count(unsent.tokens)
    sentences = [
        _("To be embedded by this profile, the texts leave this machine and are sent to %s.") % unsent.recipient,
        _("They have about %s tokens.") % tokens if unsent.is_estimate else _("They have %s tokens.") % tokens,
    ]
    listed = {(one.backend, one.model): one for one in PRESETS if not one.is_free}
    if profile.price:
        sentences.append(_("A million tokens cost %s.") % cells.money(profile.price, profile.currency))
    elif preset := listed.get((profile.backend, profile.model)):
        price = cells.money(preset.price, preset.currency)
        sentences.append(_("The list price of a million tokens is %s.") % price)
    return sentences


def _download(wanted: str, form: LabForm, results: Sequence[Result]) -> HttpResponse | None:
    """Return the file that was asked for, None if none was, or if there are no vectors to put into it."""
    embedded = {f"npy:{result.profile.public_id}": result.embedded for result in results if isinstance(result, Finding)}
    if not embedded:
        return None
    if wanted == "json":
        everything = lab.as_json(form.texts, results, k=form.trials.k)
        return _file(json.dumps(everything, ensure_ascii=False), "application/json", "lab.json")
    if wanted == "npz":
        return _file(lab.as_npz(form.texts, list(embedded.values())), "application/octet-stream", "lab.npz")
    if wanted in embedded:
        name = re.sub(r"[^a-z0-9]+", "-", embedded[wanted].profile.name.lower()).strip("-") or "vectors"
        return _file(lab.as_npy(embedded[wanted]), "application/octet-stream", f"{name}.npy")
    return None


def _file(content: str | bytes, media_type: str, name: str) -> HttpResponse:
    return HttpResponse(
        content, content_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
