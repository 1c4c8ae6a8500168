"""The site's own settings for the chaos suite.

The rarer sweeps come often (`TIDY_SECONDS`). A small collection is searched as a large one is (`EXACT_CHUNKS`), now by
the store and now in memory. An embedding server can be misled, and `SABOTAGE` names a safeguard that is to be missing.
"""

import os
import random
from functools import partial
from typing import Any

from search_app import planner
from vectorsite.private import crash_report, report_stuck
from vectorsite.settings import *  # noqa: F403
from vectorsite.settings import CELERY_BEAT_SCHEDULE, EMBEDDERS, INSTALLED_APPS, VAR_DIR, VECTOR_STORES

planner.EXACT_CHUNKS = int(os.environ.get("EXACT_CHUNKS", "20"))
planner.LEAST_IN_MEMORY = int(os.environ.get("LEAST_IN_MEMORY", "20"))
_plan_search = planner.plan_search


def _plan_either_way(*counts: Any, memory: Any, **known: Any) -> planner.Plan:
    return _plan_search(*counts, memory=random.choice((memory, None)), **known)


# Before anybody has imported it.
planner.plan_search = _plan_either_way  # type: ignore[assignment]
_tidy_seconds = float(os.environ.get("TIDY_SECONDS", "2"))
# Where a round takes longer than that, rounds must not queue up before everything else.
CELERY_BEAT_SCHEDULE["tidy"] |= {"schedule": _tidy_seconds, "options": {"expires": _tidy_seconds}}
EMBEDDERS["openai"]["OPTIONS"] |= {"model": "chaos", "timeout": 3.0}
# An answer that never comes is given up before a run is over.
VECTOR_STORES["default"]["OPTIONS"]["timeout"] = float(os.environ.get("STORE_SECONDS", "5"))

# Chroma is the harness's own; it is watched over as the private one is.
STORE_RESTARTERS = {"default": partial(report_stuck, VAR_DIR, "chroma")}
STORE_CRASH_REPORTS = {"default": crash_report(VAR_DIR, "chroma")}

SABOTAGE = os.environ.get("SABOTAGE", "")
if SABOTAGE:
    INSTALLED_APPS += ["tests.chaos.sabotage.SabotageConfig"]
