"""The only code that writes collections, their documents and their indexes: it commits, then rings the bell."""

from collections_app.drafts import DocumentInput as DocumentInput
from collections_app.services.activation import (
    activate,
    activate_soon,
    activate_when_proved,
    ready_to_activate,
    roll_back,
)
from collections_app.services.collections import (
    create_collection,
    delete_collections,
    finish_deletions,
    free_slug,
)
from collections_app.services.documents import (
    BATCH,
    BULK,
    INTERACTIVE,
    Saved,
    check_document,
    delete_documents,
    resync,
    retry_entries,
    save_document,
    save_documents,
)
from collections_app.services.estimates import Estimate, Sample, estimate
from collections_app.services.figures import Progress, duration, progress
from collections_app.services.indexes import (
    building_index,
    drop_index,
    drop_outlived,
    index_to_fill,
    plan_index,
    rebuild_everything,
    standby_index,
    start_rebuild,
)

__all__ = [
    "BATCH",
    "BULK",
    "INTERACTIVE",
    "DocumentInput",
    "Estimate",
    "Progress",
    "Sample",
    "Saved",
    "activate",
    "activate_soon",
    "activate_when_proved",
    "building_index",
    "check_document",
    "create_collection",
    "delete_collections",
    "delete_documents",
    "drop_index",
    "drop_outlived",
    "duration",
    "estimate",
    "finish_deletions",
    "free_slug",
    "index_to_fill",
    "plan_index",
    "progress",
    "ready_to_activate",
    "rebuild_everything",
    "resync",
    "retry_entries",
    "roll_back",
    "save_document",
    "save_documents",
    "standby_index",
    "start_rebuild",
]
