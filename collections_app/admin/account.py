"""People and groups, as Django keeps them, in the site's look; what is changed is written to the trail."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from collections_app.admin import cells
from collections_app.admin.pages import QuickList, ReadOnlyAdmin
from collections_app.admin.scope import user_of
from collections_app.models import SavedSearch, User
from collections_app.trail import record, record_many

admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(QuickList, DjangoUserAdmin, ModelAdmin):
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
class GroupAdmin(QuickList, DjangoGroupAdmin, ModelAdmin):
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
