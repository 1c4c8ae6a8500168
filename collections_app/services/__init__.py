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
    Tally,
    check_document,
    delete_documents,
    resync,
    retry_entries,
    save_document,
    save_documents,
)
from collections_app.services.estimates import Estimate, Sample, estimate
from collections_app.services.figures import Progress, duration, progress
from collections_app.services.imports import note_outcome
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
from collections_app.services.tagging import Operation, change_field, check_values

__all__ = [
    "BATCH",
    "BULK",
    "INTERACTIVE",
    "DocumentInput",
    "Estimate",
    "Operation",
    "Progress",
    "Sample",
    "Saved",
    "Tally",
    "activate",
    "activate_soon",
    "activate_when_proved",
    "building_index",
    "change_field",
    "check_document",
    "check_values",
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
    "note_outcome",
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
