"""The vector stores, and whether what they hold is what SQL says."""

from collections.abc import Iterator, Mapping

from django.conf import settings
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils.translation import gettext as _

from collections_app import projection
from collections_app.audit import FINDING_LABELS, is_damage
from collections_app.exceptions import (
    ConfigurationError,
    VectorStoreCollectionBroken,
    VectorStoreCollectionMissing,
    VectorStoreError,
)
from collections_app.health.finding import Finding, age_of, error, ok, start_private_server, warning
from collections_app.models import (
    Chunk,
    ChunkState,
    Collection,
    IndexAudit,
    IndexState,
    PhysicalCollection,
    PhysicalState,
    SiteIdentity,
    VectorIndex,
    VectorStoreStatus,
)
from collections_app.reasons import explained, in_readers_language
from collections_app.vectorstores import StoredCollection, load_vector_store

_NAMED = 5


def stores() -> Iterator[Finding]:
    """They answer and are in use, and hold this site's collections and no stray ones."""
    for alias in sorted(settings.VECTOR_STORES):
        yield from _store(alias)


def pauses() -> Iterator[Finding]:
    """What SQL alone tells: whether stores are in use."""
    paused = list(VectorStoreStatus.objects.filter(paused_until__isnull=False).values_list("alias", flat=True))
    if paused:
        yield warning(
            _("Questions are answered without: %(names)s.") % {"names": _(", ").join(paused)},
            _("Run `manage.py doctor`, which finds out why."),
        )
    else:
        yield ok(_("All are in use."))


def _store(alias: str) -> Iterator[Finding]:
    paused = VectorStoreStatus.objects.filter(alias=alias, paused_until__isnull=False).first()
    try:
        store = load_vector_store(alias)
        store.health()
        version, held = store.version(), store.collections()
    except (VectorStoreError, ConfigurationError) as failure:
        elsewhere = _("Start it, or correct CHROMA_URL; until then questions are answered from SQL.")
        remedy = start_private_server() if settings.PRIVATE_CHROMA else elsewhere
        yield error(_("“%(alias)s”: %(error)s") % {"alias": alias, "error": explained(failure)}, remedy)
        return
    if paused:
        yield warning(
            _("“%(alias)s” answers, and is paused since it did not: %(reason)s")
            % {"alias": alias, "reason": in_readers_language(paused.pause_reason)},
            _("A worker tries it again by itself within a minute; if none does, see what is said of the workers."),
        )
    yield from _strays(alias, held)
    yield ok(
        _("“%(alias)s” (%(version)s) answers and holds %(count)d collections.")
        % {"alias": alias, "version": version or type(store).__name__, "count": len(held)}
    )
    if not paused:
        yield from _unreadable(alias)


def _strays(alias: str, held: list[StoredCollection]) -> Iterator[Finding]:
    """Compare the names in the store with those that SQL knows."""
    site_id = SiteIdentity.current()
    ours = {stored.name for stored in held if stored.site_id == site_id}
    known = set(
        PhysicalCollection.objects.filter(index__store=alias)
        .exclude(state=PhysicalState.DROPPED)
        .values_list("name", flat=True)
    )
    if strays := sorted(ours - known):
        yield warning(
            _("%(count)d collections carry this site's mark and are not known to SQL: %(names)s.")
            % {"count": len(strays), "names": _(", ").join(strays[:_NAMED])},
            _(
                "If the database was restored from a backup, run `manage.py rebuild --all`; else another site was "
                "copied from this one and uses the same store."
            ),
        )


def _unreadable(alias: str) -> Iterator[Finding]:
    for index in _indexes().filter(store=alias):
        try:
            projection.check_is_there(index)
        except (VectorStoreCollectionMissing, VectorStoreCollectionBroken) as failure:
            yield error(
                _("The collection of %(index)s is lost: %(error)s") % {"index": index, "error": explained(failure)},
                _("Workers rebuild it from SQL by themselves within a minute; until then SQL answers questions."),
            )


def _indexes() -> QuerySet[VectorIndex]:
    indexes = VectorIndex.objects.exclude(state=IndexState.DROPPED).filter(collection__deleted_at=None)
    return indexes.select_related("collection", "profile").order_by("collection__name", "pk")


def indexes() -> Iterator[Finding]:
    """Every collection has an index that serves it, and every index a collection in the store that is complete."""
    without = list(Collection.objects.alive().filter(serving_index=None).values_list("slug", flat=True)[:_NAMED])
    if without:
        yield error(
            _("These collections have no index that serves them: %(names)s.") % {"names": _(", ").join(without)},
            _("Run `manage.py rebuild` for each of them."),
        )
    complete = True
    current = PhysicalCollection.objects.filter(index=OuterRef("pk"), generation=OuterRef("generation"))
    unready = _indexes().annotate(
        physical_state=Subquery(current.values("state")[:1]),
        through=Subquery(current.values("copied_through")[:1]),
    )
    for index in unready.exclude(physical_state=PhysicalState.READY):
        complete = False
        live = Chunk.objects.filter(index=index, state=ChunkState.LIVE)
        yield warning(
            _("The store's collection of %(index)s is being filled: %(done)d of %(all)d passages are copied.")
            % {"index": index, "done": live.filter(pk__lte=index.through or 0).count(), "all": live.count()},
            _("It ends by itself, and SQL answers questions until then; if it does not go on, see the workers."),
        )
    for waiting in _indexes().exclude(problem=""):
        complete = False
        yield warning(
            _("%(index)s is built and cannot take over yet: %(problem)s")
            % {"index": waiting, "problem": in_readers_language(waiting.problem)},
            _("What is named there has to be repaired, or the index dropped."),
        )
    if complete and not without:
        yield ok(_("All %(count)d are complete.") % {"count": _indexes().count()})


def audits() -> Iterator[Finding]:
    """The last comparison of each index with the store found no difference."""
    latest = IndexAudit.objects.filter(index=OuterRef("pk"), finished_at__isnull=False).order_by("-pk")
    audited = _indexes().annotate(last_audit=Subquery(latest.values("pk")[:1]))
    ids = [pk for pk in audited.values_list("last_audit", flat=True) if pk]
    never = audited.filter(last_audit=None).count()
    in_step = 0
    for audit in IndexAudit.objects.filter(pk__in=ids).select_related("index__collection"):
        if audit.error:
            yield warning(
                _("That of %(index)s, %(age)s ago, could not be finished: %(error)s")
                % {"index": audit.index, "age": age_of(audit.started_at), "error": in_readers_language(audit.error)},
                _("Begin with what is said of the stores, then run `manage.py check_index`."),
            )
        elif is_damage(audit.report.get("findings", ())):
            yield warning(
                _("That of %(index)s, %(age)s ago, found it not in step: %(findings)s.")
                % {"index": audit.index, "age": age_of(audit.started_at), "findings": _named(audit.report["findings"])},
                _("Run `manage.py check_index --repair`."),
            )
        else:
            in_step += 1
    yield ok(
        _("%(count)d indexes were undamaged when last compared; %(never)d were not compared yet.")
        % {"count": in_step, "never": never}
    )


def _named(findings: Mapping[str, int]) -> str:
    words = _("%(name)s: %(value)s")
    return _(", ").join(
        words % {"name": FINDING_LABELS.get(name, name), "value": count} for name, count in findings.items()
    )
