"""Embedding profiles side by side: how well each finds a collection's passages, and what that takes.

All profiles are compared by the same passages, those of the index that serves, embedded with their titles as they are
there, and by the same questions; exactly, without any vector store. What has to be embedded for it is kept in SQL like
any other vector, so that a comparison that is repeated, and an index that is built from its winner within a day, cost
nothing again.
"""

from collections_app.comparison.estimate import ProfileEstimate, estimate
from collections_app.comparison.report import Agreement, ProfileFigures, Report
from collections_app.comparison.runs import (
    Wish,
    ask,
    check,
    check_profiles,
    compare,
    profiles_of,
    stop,
    waiting,
    work,
)
from collections_app.comparison.sentences import PairFigures, compare_pairs

__all__ = [
    "Agreement",
    "PairFigures",
    "ProfileEstimate",
    "ProfileFigures",
    "Report",
    "Wish",
    "ask",
    "check",
    "check_profiles",
    "compare",
    "compare_pairs",
    "estimate",
    "profiles_of",
    "stop",
    "waiting",
    "work",
]
