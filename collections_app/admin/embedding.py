"""Embedding profiles, and the vectors that they gave."""

from typing import Any

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import display

from collections_app import profiles
from collections_app.admin import cells
from collections_app.admin.budget import standings_panel
from collections_app.admin.form_page import form_page, require, see_other
from collections_app.admin.lab import lab_page
from collections_app.admin.pages import EndlessAdmin, Fact, PageLink, Panel, SiteAdmin, trail_of
from collections_app.admin.pauses import Resumable, pause_fact
from collections_app.admin.scope import user_of
from collections_app.embeddings import takes_key
from collections_app.embeddings.presets import PRESETS, preset
from collections_app.exceptions import VectorsiteError
from collections_app.forms.embedding import KeyForm, ProfileAddForm, values_of
from collections_app.models import Budget, Chunk, Embedding, EmbeddingProfile, Usage, VectorIndex
from collections_app.reasons import explained
from collections_app.trail import record
from collections_app.vectors import as_vector

_HEAD = 8
_VIEW_USAGE = "collections_app.view_usage"


def vector_words(raw: bytes) -> str:
    """Return the first numbers of a vector and its length in the geometric sense."""
    vector = as_vector(raw)
    head = ", ".join(f"{number:+.4f}" for number in vector[:_HEAD])
    norm = float((vector @ vector) ** 0.5)
    return f"[{head}{', …' if len(vector) > _HEAD else ''}]  |v| = {norm:.4f}"


@admin.register(EmbeddingProfile)
class EmbeddingProfileAdmin(Resumable, SiteAdmin):
    collection_path = None
    list_display = ["name", "backend", "model", "dimensions", "max_tokens", "is_default", "pause_state", "why"]
    list_filter = ["backend"]
    search_fields = ["name", "model"]
    readonly_fields = ["backend", "model", "options", "fingerprint", "dimensions", "max_tokens", "created_at"]
    fieldsets = [
        (None, {"fields": ["name", "is_default", "price", "currency"]}),
        (
            gettext_lazy("How it embeds"),
            {
                "description": gettext_lazy(
                    "Fixed since the profile was made: vectors of another kind need another profile."
                ),
                "fields": ["backend", "model", "options", "dimensions", "max_tokens", "fingerprint", "created_at"],
            },
        ),
    ]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow what hurts nothing: to delete a profile that no index and no vector refers to."""
        allowed: bool = super().has_delete_permission(request, obj)
        if not allowed or obj is None:
            return False
        return not (obj.indexes.exists() or obj.embeddings.exists())

    def facts(self, request: HttpRequest, obj: EmbeddingProfile) -> list[Fact]:
        vectors = Embedding.objects.filter(profile=obj).count()
        return [
            pause_fact(obj),
            Fact(_("Vectors"), cells.count(vectors), cells.list_url(Embedding, profile__id__exact=obj.pk)),
            Fact(_("Dimensions"), obj.dimensions),
            Fact(_("Longest input"), _("%d tokens") % obj.max_tokens),
            Fact(
                _("A million tokens"),
                cells.money(obj.price, obj.currency) if obj.price else _("free"),
                cells.list_url(Usage, profile=obj.public_id) if request.user.has_perm(_VIEW_USAGE) else "",
            ),
            *_key_facts(obj),
        ]

    def panels(self, request: HttpRequest, obj: EmbeddingProfile) -> list[Panel]:
        indexes = VectorIndex.objects.filter(profile=obj).select_related("collection")
        return [
            Panel(
                title=_("Indexes that use it"),
                headers=[_("Index"), _("State"), _("Collection")],
                rows=[
                    [cells.object_link(index), index.get_state_display(), cells.object_link(index.collection)]
                    for index in indexes
                ],
            ),
            standings_panel(user_of(request), Budget.objects.filter(profile=obj)),
            trail_of(obj),
        ]

    def is_settling(self, obj: EmbeddingProfile) -> bool:
        return obj.paused_until is not None

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Make a profile outside of any transaction, because trying its embedder takes time and maybe the network."""
        require(self.has_add_permission(request))
        chosen = preset(request.GET.get("preset", ""))
        form = ProfileAddForm(
            request.POST or None,
            initial=values_of(chosen) if chosen else None,
            administrator=user_of(request).is_superuser,
        )
        if request.method == "POST" and form.is_valid():
            try:
                profile = form.create()
            except VectorsiteError as error:
                form.add_error(None, explained(error))
            else:
                record(user_of(request), "created", profile)
                self.message_user(request, _("The profile “%s” works and can be used.") % profile, messages.SUCCESS)
                return see_other(cells.change_url(profile))
        return form_page(
            request, self, form=form, title=_("New embedding profile"), submit=_("Try it and create"),
            intro=_("Click a preset beneath, or fill in the form. The model is tried once, which identifies it."),
            panels=[_presets_panel()],
        )  # fmt: skip

    def get_urls(self) -> list[URLPattern]:
        key = path("<int:pk>/key/", self.admin_site.admin_view(self.key_view), name=f"{self._url_name}_key")
        lab = path("lab/", self.admin_site.admin_view(self.lab_view), name="collections_app_lab")
        return [key, lab, *super().get_urls()]

    def lab_view(self, request: HttpRequest) -> HttpResponse:
        """Texts as several profiles see them."""
        return lab_page(request, self)

    def links(self, request: HttpRequest, obj: EmbeddingProfile) -> list[PageLink]:
        if not self._takes_key(request, obj):
            return []
        return [PageLink(_("Change the key"), reverse(f"admin:{self._url_name}_key", args=[obj.pk]), "key")]

    def _takes_key(self, request: HttpRequest, obj: EmbeddingProfile) -> bool:
        return user_of(request).is_superuser and takes_key(obj.backend)

    def key_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Change the key of a profile outside of any transaction, because it is tried over the network."""
        profile = self.get_queryset(request).filter(pk=pk).first()
        if profile is None:
            raise Http404
        require(self._takes_key(request, profile))
        form = KeyForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                profiles.change_key(profile, form.cleaned_data["key"])
            except VectorsiteError as error:
                form.add_error("key", explained(error))
            else:
                record(user_of(request), "changed", profile, fields="key")
                self.message_user(request, _("The key works and is used from now on."), messages.SUCCESS)
                return see_other(cells.change_url(profile))
        title = _("Change the key of “%s”") % profile
        return form_page(request, self, form=form, title=title, submit=_("Try it and keep it"))

    def save_model(self, request: HttpRequest, obj: EmbeddingProfile, form: Any, change: bool) -> None:
        if obj.is_default:
            EmbeddingProfile.objects.filter(is_default=True).exclude(pk=obj.pk).update(is_default=False)
        obj.save(update_fields=["name", "is_default", "price", "currency"])
        record(user_of(request), "changed", obj, fields=", ".join(form.changed_data))


def _key_facts(profile: EmbeddingProfile) -> list[Fact]:
    """Say where the key is, and never what it is."""
    if profile.sealed_key:
        return [Fact(_("Key of the server"), _("stored, encrypted"))]
    variable = profile.options.get("api_key_env")
    return [Fact(_("Key of the server"), _("from the environment: %s") % variable)] if variable else []


def _presets_panel() -> Panel:
    add = reverse("admin:collections_app_embeddingprofile_add")
    return Panel(
        title=_("Presets"),
        note=_("A click fills in the form. Prices are the providers’ list prices when this version was made."),
        headers=[
            _("Model"), _("Backend"), _("Languages"), _("Dimensions"), _("Longest input"), _("Licence"),
            _("A million tokens"),
        ],
        rows=[
            [
                format_html('<a class="text-link" href="{}?preset={}">{}</a>', add, one.slug, one.name),
                one.backend,
                one.languages,
                one.dimensions,
                _("%d tokens") % one.max_tokens,
                one.licence,
                _("free") if one.is_free else cells.money(one.price, one.currency),
            ]
            for one in PRESETS
        ],
    )  # fmt: skip


@admin.register(Embedding)
class EmbeddingAdmin(EndlessAdmin):
    collection_path = None
    list_display = ["digest_hex", "profile", "role", "head", "created_at", "last_used_at"]
    list_select_related = ["profile"]
    list_filter = [("profile", RelatedDropdownFilter), ("role", ChoicesDropdownFilter)]
    ordering = ["-id"]
    fields = ["profile", "role", "digest_hex", "head", "tokens", "created_at", "last_used_at"]

    @display(description=gettext_lazy("digest of the input"))
    def digest_hex(self, obj: Embedding) -> str:
        return cells.code(bytes(obj.digest).hex()[:16])

    @display(description=gettext_lazy("vector"))
    def head(self, obj: Embedding) -> str:
        return cells.code(vector_words(bytes(obj.vector)))

    def panels(self, request: HttpRequest, obj: Embedding) -> list[Panel]:
        chunks = Chunk.objects.filter(embedding=obj).select_related("document")[:20]
        return [
            Panel(
                title=_("Chunks that have this vector"),
                headers=[_("Chunk"), _("Document"), _("State"), _("Text")],
                rows=[
                    [
                        cells.object_link(chunk),
                        cells.object_link(chunk.document),
                        chunk.get_state_display(),
                        cells.shortened(chunk.text),
                    ]
                    for chunk in chunks
                ],
                empty=_("None now. A vector that nothing has used for a day is removed."),
            )
        ]
