"""The relational truth: one module per noun."""

from collections_app.models.account import User
from collections_app.models.activity import Activity, ActivityKind
from collections_app.models.change import IndexChange
from collections_app.models.collection import AccessLevel, Collection, CollectionGrant, Permission, Visibility
from collections_app.models.comparison import ProfileComparison
from collections_app.models.document import Document, DocumentText, Markup, Segment, SegmentKind
from collections_app.models.embedding import Embedding, EmbeddingProfile, EmbeddingRole
from collections_app.models.field import MetadataField, MetadataValue
from collections_app.models.index import (
    Chunk,
    ChunkState,
    EntryState,
    IndexAudit,
    IndexEntry,
    IndexState,
    PhysicalCollection,
    PhysicalState,
    VectorIndex,
    VectorStoreStatus,
)
from collections_app.models.lexical import LexicalPostings, LexicalRow, LexicalSegment, LexicalTombstone
from collections_app.models.picture import IndexPicture
from collections_app.models.saved_search import SavedSearch
from collections_app.models.site import SiteIdentity, TrailRecord, WorkerStatus
from collections_app.models.source import ExtractionState, Import, ImportItem, ImportOrigin, ImportOutcome, SourceFile
from collections_app.models.usage import (
    NO_COLLECTION,
    Budget,
    BudgetPeriod,
    BudgetUnit,
    Purpose,
    Usage,
    UsageReservation,
)

__all__ = [
    "NO_COLLECTION",
    "AccessLevel",
    "Activity",
    "ActivityKind",
    "Budget",
    "BudgetPeriod",
    "BudgetUnit",
    "Chunk",
    "ChunkState",
    "Collection",
    "CollectionGrant",
    "Document",
    "DocumentText",
    "Embedding",
    "EmbeddingProfile",
    "EmbeddingRole",
    "EntryState",
    "ExtractionState",
    "Import",
    "ImportItem",
    "ImportOrigin",
    "ImportOutcome",
    "IndexAudit",
    "IndexChange",
    "IndexEntry",
    "IndexPicture",
    "IndexState",
    "LexicalPostings",
    "LexicalRow",
    "LexicalSegment",
    "LexicalTombstone",
    "Markup",
    "MetadataField",
    "MetadataValue",
    "Permission",
    "PhysicalCollection",
    "PhysicalState",
    "ProfileComparison",
    "Purpose",
    "SavedSearch",
    "Segment",
    "SegmentKind",
    "SiteIdentity",
    "SourceFile",
    "TrailRecord",
    "Usage",
    "UsageReservation",
    "User",
    "VectorIndex",
    "VectorStoreStatus",
    "Visibility",
    "WorkerStatus",
]
