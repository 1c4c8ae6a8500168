"""People and groups, as Django keeps them, in the site's look; what is changed is written to the trail."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from collections_app.admin import cells
from collections_app.admin.pages import QuickList, ReadOnlyAdmin
from collections_app.admin.scope import user_of
from collections_app.models import CollectionGrant, SavedSearch, User
from collections_app.trail import record, record_many

admin.site.unregister(Group)

# What goes with a person or a group. Nobody edits it in a list of its own, so no right to delete it is asked for.
_BELONGINGS = (CollectionGrant, SavedSearch)
_RIGHTS = {
    "add": gettext_lazy("%(model)s: add"),
    "change": gettext_lazy("%(model)s: change"),
    "delete": gettext_lazy("%(model)s: delete"),
    "view": gettext_lazy("%(model)s: view"),
}


def permission_in_words(permission: Permission) -> str:
    """Return what a permission allows in the reader's language; Django keeps it in English."""
    right, _underscore, model = permission.codename.partition("_")
    kind: ContentType = permission.content_type
    if right not in _RIGHTS or model != kind.model:
        return str(permission)
    return _RIGHTS[right] % {"model": kind.name}


class AccountAdmin(QuickList, ModelAdmin):
    """What the pages of people and of groups have in common."""

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **kwargs: Any) -> Any:
        field = super().formfield_for_manytomany(db_field, request, **kwargs)
        if field is not None and field.queryset.model is Permission:
            field.label_from_instance = permission_in_words
        return field

    def get_deleted_objects(
        self, objs: Iterable[Model], request: HttpRequest
    ) -> tuple[list[Any], dict[Any, int], set[Any], list[Any]]:
        named, counts, lacking, protected = super().get_deleted_objects(objs, request)
        return named, counts, lacking - {model._meta.verbose_name for model in _BELONGINGS}, protected


@admin.register(User)
class UserAdmin(AccountAdmin, DjangoUserAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "full_name", "email", "is_active", "is_staff", "is_superuser", "last_login"]

    @display(description=gettext_lazy("full name"), ordering="last_name")
    def full_name(self, obj: User) -> str:
        return obj.get_full_name()

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        fields = ", ".join(name for name in form.changed_data if "password" not in name)
        record(user_of(request), "changed" if change else "created", obj, fields=fields)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        record(user_of(request), "deleted", obj)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        record_many(user_of(request), {"deleted": list(queryset)})
        super().delete_queryset(request, queryset)


@admin.register(Group)
class GroupAdmin(AccountAdmin, DjangoGroupAdmin):
    list_display = ["name", "members"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        rows: QuerySet[Group] = super().get_queryset(request)
        return rows.annotate(size=Count("user"))

    @display(description=gettext_lazy("members"), ordering="size")
    def members(self, obj: Any) -> str:
        return cells.link(cells.list_url(User, groups__id__exact=obj.pk), cells.count(obj.size))


@admin.register(SavedSearch)
class SavedSearchAdmin(ReadOnlyAdmin):
    """What people keep for themselves, to look at; they change it on the site."""

    collection_path = None
    list_display = ["name", "owner", "collection", "created_at"]
    list_select_related = ["owner", "collection"]
    search_fields = ["name", "owner__username"]
    fields = ["name", "owner", "collection", "query_string", "created_at"]
