"""A collection as one file that another site takes in without embedding anything. See docs/portable-collections.md."""

from collections_app.portable.archive import CollectionFile, open_collection_file
from collections_app.portable.exporting import Exported, export_collection
from collections_app.portable.importing import Plan, Taken, begin, check, plan_import, remarks, take
from collections_app.portable.values import MEDIA_TYPE, SUFFIX

__all__ = [
    "MEDIA_TYPE",
    "SUFFIX",
    "CollectionFile",
    "Exported",
    "Plan",
    "Taken",
    "begin",
    "check",
    "export_collection",
    "open_collection_file",
    "plan_import",
    "remarks",
    "take",
]
