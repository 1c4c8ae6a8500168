"""The site's own settings, with a store that says how much time went into it and a quick embedder of usual width."""

import os

from vectorsite.settings import *  # noqa: F403
from vectorsite.settings import EMBEDDERS, VECTOR_STORES

EMBEDDERS["meaningless"]["OPTIONS"] = {"dimensions": int(os.environ.get("BENCH_DIMENSIONS", "384"))}
VECTOR_STORES["default"]["BACKEND"] = "benchmarks.timed_store.TimedChromaStore"
