"""A look at records as the vector store holds them, beside what SQL says of them."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget

from collections_app import projection
from collections_app.admin import cells
from collections_app.admin.embedding import vector_words
from collections_app.admin.pages import PageLink, PageParts, Panel, SiteAdmin
from collections_app.exceptions import VectorStoreError
from collections_app.models import Chunk, ChunkState, VectorIndex
from collections_app.projection import PeekedRecord
from collections_app.reasons import explained

MOST = 20
_MAX_ID = 2**63 - 1
_TONES = {ChunkState.LIVE: cells.SUCCESS, ChunkState.STAGED: cells.WARNING, ChunkState.RETIRED: cells.WARNING}


class IdsField(forms.CharField):
    """Numbers of passages, parted by commas or spaces."""

    def clean(self, value: Any) -> list[int]:
        given = super().clean(value).replace(",", " ").split()
        if any(not part.isascii() or not part.isdigit() or int(part) > _MAX_ID for part in given):
            raise forms.ValidationError(
                _("Ids are whole numbers, such as 7, 8. Correct them or leave the field empty.")
            )
        if len(given) > MOST:
            raise forms.ValidationError(_("At most %(most)d records are shown at once.") % {"most": MOST})
        return [int(part) for part in given]


class PeekForm(forms.Form):
    """Which records are shown: those of these ids, or those that were stored last."""

    ids = IdsField(
        label=gettext_lazy("Ids of chunks"),
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("Separated by commas. Leave empty for the records that were stored last."),
    )


def peek_view(request: HttpRequest, model_admin: SiteAdmin, index: VectorIndex) -> HttpResponse:
    """Show records as the store gives them back; a store that does not answer is said, and nothing else fails."""
    form = PeekForm({"ids": request.GET.get("ids", "")})
    records: list[PeekedRecord] = []
    asked: list[int] = []
    if form.is_valid():
        asked = form.cleaned_data["ids"]
        try:
            records = projection.peek(index, asked, limit=MOST)
        except VectorStoreError as error:
            form.add_error(None, explained(error))
    title = _("In the vector store: %s") % index
    context = {
        **model_admin.admin_site.each_context(request),
        "title": title,
        "form": form,
        "parts": PageParts(
            links=[PageLink(str(index), cells.change_url(index), "hub")],
            panels=[] if form.errors else [_panel(records, asked)],
        ),
        "opts": model_admin.opts,
        "media": model_admin.media,
    }
    request.current_app = model_admin.admin_site.name
    return TemplateResponse(request, "collections_app/admin/peek.html", context)


def _panel(records: list[PeekedRecord], asked: list[int]) -> Panel:
    missing = [str(one) for one in asked if one not in {record.id for record in records}]
    return Panel(
        title=_("Records"),
        note=_("Not in the store: %s") % cells.listed(missing) if missing else "",
        headers=[_("Id"), _("In SQL"), _("Document"), _("Metadata"), _("Vector"), _("Cosine to SQL's vector")],
        rows=[_row(record) for record in records],
        empty=_("The store has no such record."),
    )


def _row(record: PeekedRecord) -> list[Any]:
    chunk = record.chunk
    return [
        cells.link(cells.change_url(chunk), record.id) if chunk else record.id,
        _state_of(chunk),
        cells.object_link(chunk.document) if chunk else cells.NOTHING,
        cells.code(cells.pretty_json(dict(sorted(record.metadata.items())))),
        cells.code(vector_words(record.vector.tobytes())),
        cells.NOTHING if record.cosine is None else number_format(record.cosine, 6),
    ]


def _state_of(chunk: Chunk | None) -> str:
    if chunk is None:
        return cells.tag(_("unknown to SQL"), cells.DANGER)
    return cells.tag(chunk.get_state_display(), _TONES[ChunkState(chunk.state)])
