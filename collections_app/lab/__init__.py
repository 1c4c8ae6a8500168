"""Texts under the eyes of several models: how alike each finds them, and what shorter or coarser vectors cost.

Nothing of it is kept in SQL, no profile is paused by it, and nothing is taken from the stored vectors.
"""

from collections_app.lab.embedding import Embedded, Failed, Unsent
from collections_app.lab.examples import COMPARISONS, RANKINGS, Example
from collections_app.lab.exporting import as_json, as_npy, as_npz
from collections_app.lab.findings import Agreement, Finding, Result, Scored, Trials, Variant, agreements, find
from collections_app.lab.texts import MOST_CHARACTERS, MOST_TEXTS, Texts, TooMuch, split

__all__ = [
    "COMPARISONS",
    "MOST_CHARACTERS",
    "MOST_TEXTS",
    "RANKINGS",
    "Agreement",
    "Embedded",
    "Example",
    "Failed",
    "Finding",
    "Result",
    "Scored",
    "Texts",
    "TooMuch",
    "Trials",
    "Unsent",
    "Variant",
    "agreements",
    "as_json",
    "as_npy",
    "as_npz",
    "find",
    "split",
]
