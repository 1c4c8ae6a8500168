"""People and groups: what they may do, in words, and what goes with them."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.utils import translation

from collections_app.admin.account import permission_in_words
from collections_app.models import AccessLevel, Collection, CollectionGrant, SavedSearch, User
from tests.collections_app.admin_pages import page, text_of

pytestmark = pytest.mark.django_db


def test_who_has_grants_and_saved_searches_can_be_deleted_with_them(
    collection: Collection, admin_client: Client
) -> None:
    gone = User.objects.create_user("gone")
    CollectionGrant.objects.create(collection=collection, user=gone, level=AccessLevel.MANAGE)
    SavedSearch.objects.create(owner=gone, name="Text", query_string="?q=text", collection=collection)
    group = Group.objects.create(name="Editors")
    CollectionGrant.objects.create(collection=collection, group=group)
    for row in (gone, group):
        admin_client.post(page(row, "delete"), {"post": "yes"})
        assert not type(row)._default_manager.filter(pk=row.pk).exists()
    assert not CollectionGrant.objects.exists()
    assert not SavedSearch.objects.exists()


def test_rights_are_named_in_the_readers_language(admin_client: Client) -> None:
    right = Permission.objects.get(codename="view_document")
    assert permission_in_words(right) == "document: view"
    right.codename = "approve"
    assert permission_in_words(right) == str(right)
    with translation.override("zh-hans"):
        assert permission_in_words(Permission.objects.get(codename="view_document")) == "文档：查看"
    shown = text_of(admin_client.get(page(User.objects.get()), headers={"Accept-Language": "zh-Hans"}))
    assert "文档：查看" in shown
    assert "Can view" not in shown


def test_the_scripts_of_the_administration_speak_chinese_where_django_does_not(admin_client: Client) -> None:
    told = text_of(admin_client.get("/admin/jsi18n/", headers={"Accept-Language": "zh-Hans"}))
    assert "Choose all %s" in told
    assert r"\u9009\u62e9\u5168\u90e8%s" in told
