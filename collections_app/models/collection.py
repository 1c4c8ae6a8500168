from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, Group
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from collections_app.models.base import PublicModel

if TYPE_CHECKING:
    from collections_app.models.account import User


class Visibility(models.TextChoices):
    PUBLIC = "public", _("Everyone")
    INTERNAL = "internal", _("Everyone who is signed in")
    PRIVATE = "private", _("Only those with a grant")


class AccessLevel(models.TextChoices):
    READ = "read", _("may read")
    WRITE = "write", _("may read and write")
    MANAGE = "manage", _("may read, write and manage")


_IMPLIED_BY = {
    AccessLevel.READ: [AccessLevel.READ, AccessLevel.WRITE, AccessLevel.MANAGE],
    AccessLevel.WRITE: [AccessLevel.WRITE, AccessLevel.MANAGE],
    AccessLevel.MANAGE: [AccessLevel.MANAGE],
}


class Permission(NamedTuple):
    """All of a user that decides what may be done, whatever grants there are: two that are equal may do the same.

    `user_id` is None for who is not signed in or not active.
    """

    user_id: int | None
    is_superuser: bool

    @classmethod
    def of(cls, user: "User | AnonymousUser") -> "Permission":
        if isinstance(user, AnonymousUser) or not user.is_active:
            return cls(None, is_superuser=False)
        return cls(user.pk, user.is_superuser)


class CollectionQuerySet(models.QuerySet["Collection"]):
    """The one place where permission on collections is decided, in SQL."""

    def alive(self) -> "CollectionQuerySet":
        return self.filter(deleted_at=None)

    def _granted(self, user_id: int, level: AccessLevel) -> Q:
        grants = CollectionGrant.objects.filter(level__in=_IMPLIED_BY[level]).filter(
            Q(user=user_id) | Q(group__in=Group.objects.filter(user=user_id))
        )
        return Q(pk__in=grants.values("collection"))

    def readable_by(self, user: "User | AnonymousUser") -> "CollectionQuerySet":
        """Return the living collections that `user` may search and read.

        It looks at their Permission alone, by which statements that hold this condition are told apart.
        """
        user_id, is_superuser = Permission.of(user)
        if user_id is None:
            return self.alive().filter(visibility=Visibility.PUBLIC)
        if is_superuser:
            return self.alive()
        return self.alive().filter(
            Q(visibility__in=[Visibility.PUBLIC, Visibility.INTERNAL]) | self._granted(user_id, AccessLevel.READ)
        )

    def writable_by(self, user: "User | AnonymousUser", level: AccessLevel = AccessLevel.WRITE) -> "CollectionQuerySet":
        """Return the living collections whose documents `user` may change (`level` MANAGE: their settings too)."""
        user_id, is_superuser = Permission.of(user)
        if user_id is None:
            return self.none()
        if is_superuser:
            return self.alive()
        return self.alive().filter(self._granted(user_id, level))

    def delete(self) -> tuple[int, dict[str, int]]:
        """Mark as deleted; the rows leave when the vector store has let go of their chunks."""
        from collections_app.services import delete_collections

        count = delete_collections(self)
        return count, {Collection._meta.label: count}


class Collection(PublicModel):
    """A named set of documents that are searched together."""

    name = models.CharField(_("name"), max_length=200)
    slug = models.SlugField(_("slug"), max_length=80, allow_unicode=True, help_text=_("Names the collection in URLs."))
    description = models.TextField(_("description"), blank=True)
    visibility = models.CharField(
        _("who may read it"), max_length=10, choices=Visibility.choices, default=Visibility.PUBLIC
    )
    time_zone = models.CharField(
        _("time zone"), max_length=64, default="UTC", help_text=_("Dates with a time but no zone are read in this one.")
    )
    semantic_weight = models.FloatField(
        _("weight of meaning"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text=_("Beside words, from 0 to 1. Leave empty to use what was learned from the passages."),
    )
    serving_index = models.ForeignKey(
        "VectorIndex",
        verbose_name=_("serving index"),
        null=True,
        blank=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="+",
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("created by"),
        null=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    deleted_at = models.DateTimeField(_("deleted"), null=True, editable=False)

    objects = CollectionQuerySet.as_manager()

    class Meta:
        verbose_name = _("collection")
        verbose_name_plural = _("collections")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["slug"], condition=Q(deleted_at=None), name="collection_slug_unique"),
        ]

    def __str__(self) -> str:
        return self.name

    def delete(self, using: Any = None, keep_parents: bool = False) -> tuple[int, dict[str, int]]:
        return Collection.objects.filter(pk=self.pk).delete()


class CollectionGrant(models.Model):
    """What one user or one group may do with one collection."""

    collection = models.ForeignKey(
        Collection, verbose_name=_("collection"), on_delete=models.CASCADE, related_name="grants"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), null=True, blank=True, on_delete=models.CASCADE
    )
    group = models.ForeignKey(Group, verbose_name=_("group"), null=True, blank=True, on_delete=models.CASCADE)
    level = models.CharField(_("level"), max_length=6, choices=AccessLevel.choices, default=AccessLevel.READ)

    class Meta:
        verbose_name = _("grant")
        verbose_name_plural = _("grants")
        constraints = [
            models.CheckConstraint(
                condition=Q(user=None, group__isnull=False) | Q(user__isnull=False, group=None),
                name="grant_to_a_user_or_a_group",
            ),
            models.UniqueConstraint(fields=["collection", "user"], name="grant_unique_per_user"),
            models.UniqueConstraint(fields=["collection", "group"], name="grant_unique_per_group"),
        ]

    def __str__(self) -> str:
        return f"{self.user or self.group}: {self.get_level_display()}"
