from django.db import models
from django.db.models import Q
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from collections_app.models.base import PublicModel
from collections_app.models.collection import Collection
from collections_app.models.document import PLACES, Document, DocumentText
from collections_app.models.embedding import Embedding, EmbeddingProfile


class IndexState(models.TextChoices):
    BUILDING = "building", _("building")
    SERVING = "serving", _("serving")
    STANDBY = "standby", _("kept for rollback")
    DROPPED = "dropped", _("dropped")


class VectorIndex(PublicModel):
    """One projection of a collection: profile, chunking, analyser, store and HNSW settings.

    It has one physical collection in the store per generation; the highest generation is the one written and read.
    """

    collection = models.ForeignKey(
        Collection, verbose_name=_("collection"), on_delete=models.PROTECT, related_name="indexes"
    )
    profile = models.ForeignKey(
        EmbeddingProfile, verbose_name=_("embedding profile"), on_delete=models.PROTECT, related_name="indexes"
    )
    store = models.CharField(_("vector store"), max_length=50, default="default")
    chunk_size = models.PositiveIntegerField(
        _("chunk size"), default=200, help_text=_("The longest passage, in tokens of the embedding model.")
    )
    chunk_overlap = models.PositiveIntegerField(
        _("chunk overlap"), default=0, help_text=_("Tokens that neighbouring passages share.")
    )
    # By which analysis the words of all its rows were found. Of another one than today's, they are found anew.
    analyzer_version = models.PositiveIntegerField(_("analyser version"), default=1, editable=False)
    hnsw = models.JSONField(_("HNSW settings"), default=dict, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=IndexState.choices, default=IndexState.BUILDING)
    generation = models.PositiveIntegerField(_("generation"), default=1, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    activated_at = models.DateTimeField(_("activated"), null=True, editable=False)
    # While building: whether it takes over by itself as soon as it is proved to be in step, and why it could not yet.
    activate_when_ready = models.BooleanField(_("activate when ready"), default=False)
    problem = models.TextField(_("what stands in the way"), blank=True, editable=False)
    # On standby: when it is dropped, so that nobody pays for two indexes for ever.
    standby_until = models.DateTimeField(_("kept until"), null=True, editable=False)
    # What meaning weighs beside words, from 0 to 1, learned from these passages; null where they say nothing.
    semantic_weight = models.FloatField(_("calibrated weight of meaning"), null=True, editable=False)
    # calibration.Evidence as JSON, and the weights by language where there was enough of one.
    calibration = models.JSONField(_("evidence of the calibration"), default=dict, blank=True, editable=False)
    calibrated_at = models.DateTimeField(_("calibrated"), null=True, editable=False)
    # The worker that calibrates has it to itself until then.
    calibrator_expires_at = models.DateTimeField(_("calibrator's lease expires"), null=True, editable=False)

    class Meta:
        verbose_name = _("vector index")
        verbose_name_plural = _("vector indexes")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.collection} #{self.pk}"


class PhysicalState(models.TextChoices):
    PLANNED = "planned", _("planned")
    FILLING = "filling", _("being filled")
    READY = "ready", _("ready")
    DROPPING = "dropping", _("being dropped")
    DROPPED = "dropped", _("dropped")


class PhysicalCollection(models.Model):
    """A collection in the vector store. Its name is recorded here before it is made there."""

    index = models.ForeignKey(
        VectorIndex, verbose_name=_("index"), on_delete=models.PROTECT, related_name="physical_collections"
    )
    generation = models.PositiveIntegerField(_("generation"))
    name = models.CharField(_("name in the store"), max_length=120, unique=True)
    state = models.CharField(_("state"), max_length=10, choices=PhysicalState.choices, default=PhysicalState.PLANNED)
    # While filling: every live chunk up to this id has been copied.
    copied_through = models.BigIntegerField(_("copied up to chunk"), default=0)
    # While filling: the worker that copies has it to itself until then.
    filler_expires_at = models.DateTimeField(_("copier's lease expires"), null=True)
    reason = models.TextField(_("why it was made"), blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("physical collection")
        verbose_name_plural = _("physical collections")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["index", "generation"], name="physical_generation_unique"),
        ]

    def __str__(self) -> str:
        return self.name


class VectorStoreStatus(models.Model):
    """Whether one vector store may be used now. A pause is shared by all processes, so that one probes for all."""

    alias = models.CharField(_("alias"), max_length=50, unique=True)
    paused_until = models.DateTimeField(_("paused until"), null=True)
    pause_reason = models.TextField(_("reason of the pause"), blank=True)
    pauses = models.PositiveSmallIntegerField(_("pauses in a row"), default=0)
    # The physical collection in whose use the store last went down, and how often in a row it did. The prober writes it
    # down before it touches a collection: a server's death has no other witness.
    suspect = models.CharField(_("suspected collection"), max_length=120, blank=True)
    strikes = models.PositiveSmallIntegerField(_("went down in its use"), default=0)
    # When it was last seen to be gone: what it held then is proved again, since a kill can cost vectors silently.
    went_down_at = models.DateTimeField(_("last went down"), null=True)

    class Meta:
        verbose_name = _("vector store status")
        verbose_name_plural = _("vector store status")

    def __str__(self) -> str:
        return self.alias


class EntryState(models.TextChoices):
    PENDING = "pending", _("pending")
    INDEXED = "indexed", _("indexed")
    FAILED = "failed", _("failed")


class IndexEntry(models.Model):
    """The ledger row of one document in one index.

    `pending`: wanted_revision > indexed_revision, and a worker shall take it from `next_attempt_at` on.
    `indexed`: wanted_revision = indexed_revision. `failed`: given up, with the reason, until somebody retries.
    """

    index = models.ForeignKey(VectorIndex, verbose_name=_("index"), on_delete=models.PROTECT, related_name="entries")
    document = models.ForeignKey(Document, verbose_name=_("document"), on_delete=models.PROTECT, related_name="entries")
    state = models.CharField(_("state"), max_length=8, choices=EntryState.choices, default=EntryState.PENDING)
    wanted_revision = models.PositiveBigIntegerField(_("wanted revision"))
    indexed_revision = models.PositiveBigIntegerField(_("indexed revision"), default=0)
    # 0 for what a person waits for, 1 for bulk work.
    priority = models.PositiveSmallIntegerField(_("priority"), default=1)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt"))
    lease_token = models.UUIDField(_("lease"), null=True)
    lease_expires_at = models.DateTimeField(_("lease expires"), null=True)
    # Was in a batch whose worker vanished: it is worked alone, so that a death can be charged to the one to blame.
    suspect = models.BooleanField(_("suspect"), default=False)
    error = models.TextField(_("error"), blank=True)
    error_code = models.CharField(_("error code"), max_length=60, blank=True)
    # Pending, and not to be tried before `next_attempt_at`, because this budget has no room for its text.
    budget = models.ForeignKey(
        "Budget",
        verbose_name=_("waits for the budget"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="waiting_entries",
        db_index=False,
    )
    # What was live after the last flip: the number of chunks and a digest over their texts.
    chunk_count = models.PositiveIntegerField(_("chunks"), default=0)
    text_digest = models.CharField(_("digest of the chunks"), max_length=64, blank=True)
    wanted_at = models.DateTimeField(_("wanted since"))
    indexed_at = models.DateTimeField(pgettext_lazy("time", "indexed"), null=True)

    class Meta:
        verbose_name = _("index entry")
        verbose_name_plural = _("index entries")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["index", "document"], name="entry_unique")]
        indexes = [
            models.Index(
                fields=["index", "priority", "next_attempt_at", "id"],
                condition=Q(state="pending"),
                name="entry_pending",
            ),
            models.Index(fields=["index", "state"], name="entry_state"),
            models.Index(fields=["lease_token"], condition=Q(lease_token__isnull=False), name="entry_lease_token"),
            models.Index(fields=["lease_expires_at"], condition=Q(lease_expires_at__isnull=False), name="entry_lease"),
            models.Index(fields=["budget"], condition=Q(budget__isnull=False), name="entry_budget"),
        ]

    def __str__(self) -> str:
        words = {"document": self.document_id, "index": self.index_id, "state": self.get_state_display()}
        return gettext("document %(document)s in index %(index)s: %(state)s") % words


class ChunkState(models.TextChoices):
    STAGED = "staged", _("staged")
    LIVE = "live", _("live")
    RETIRED = "retired", _("retired")


class Chunk(models.Model):
    """A passage of a document: what is embedded, stored and found. Its primary key is its id in the vector store.

    A row exists before its id is written to the store and until the id is proved gone from it. `live` always means
    that the document holds this text now. While not deleted, `source_text.text[start:end] == text`.
    """

    index = models.ForeignKey(VectorIndex, verbose_name=_("index"), on_delete=models.PROTECT, related_name="chunks")
    document = models.ForeignKey(
        Document, verbose_name=_("document"), on_delete=models.PROTECT, related_name="chunks", db_index=False
    )
    source_text = models.ForeignKey(
        DocumentText, verbose_name=_("cut from"), on_delete=models.PROTECT, related_name="chunks"
    )
    embedding = models.ForeignKey(
        Embedding, verbose_name=_("embedding"), null=True, on_delete=models.RESTRICT, related_name="chunks"
    )
    state = models.CharField(_("state"), max_length=7, choices=ChunkState.choices, default=ChunkState.STAGED)
    revision = models.PositiveBigIntegerField(_("document revision"))
    position = models.PositiveIntegerField(_("position"))
    start = models.PositiveIntegerField(_("start"))
    end = models.PositiveIntegerField(_("end"))
    text = models.TextField(_("text"))
    # Where a person finds it: {"page": "3", "slide": …, "sheet": …, "headings": ["Chapter", "Section"]}
    locator = models.JSONField(_("locator"), default=dict)
    language = models.CharField(_("language"), max_length=10, blank=True)
    # The lease under which it was staged. Staged chunks of any other lease are garbage.
    staged_by = models.UUIDField(_("staged under lease"), null=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    retired_at = models.DateTimeField(pgettext_lazy("time", "retired"), null=True)
    # When its id was first deleted from the store; a second pass after the grace period purges the row.
    removed_at = models.DateTimeField(_("removed from the store"), null=True)

    class Meta:
        verbose_name = _("chunk")
        verbose_name_plural = _("chunks")
        ordering = ["document", "position"]
        indexes = [
            models.Index(fields=["document", "index", "state"], name="chunk_document"),
            models.Index(fields=["index", "state", "id"], name="chunk_index_state"),
            models.Index(fields=["index", "removed_at"], condition=Q(state="retired"), name="chunk_retired"),
            models.Index(
                fields=["index", "id"], condition=Q(state="retired", removed_at=None), name="chunk_not_removed"
            ),
            models.Index(fields=["id"], condition=Q(state="staged"), name="chunk_staged"),
        ]

    def __str__(self) -> str:
        return f"{self.document_id}[{self.start}:{self.end}]"

    @property
    def address(self) -> str:
        """Return the locator as a person would say it: "page 3 · Chapter › Section"."""
        parts = [words % self.locator[kind] for kind, words in PLACES.items() if self.locator.get(kind)]
        if self.locator.get("headings"):
            parts.append(" › ".join(self.locator["headings"]))
        return " · ".join(parts)


class IndexAudit(models.Model):
    """One comparison of SQL and store."""

    index = models.ForeignKey(VectorIndex, verbose_name=_("index"), on_delete=models.PROTECT, related_name="audits")
    started_at = models.DateTimeField(_("started"))
    # Now and then while it runs: one that is silent for minutes was killed.
    seen_at = models.DateTimeField(_("last seen"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    deep = models.BooleanField(_("vectors and metadata too"), default=False)
    repair = models.BooleanField(_("with repair"), default=False)
    # Why it could not be finished.
    error = models.TextField(_("error"), blank=True)
    in_step = models.BooleanField(_("in step"), default=False)
    # {"documents": n, "live_chunks": n, "store_ids": n, "findings": {name: count}, "repaired": {name: count}}
    report = models.JSONField(_("report"), default=dict)

    class Meta:
        verbose_name = _("index audit")
        verbose_name_plural = _("index audits")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.index} {self.started_at:%Y-%m-%d %H:%M}"
