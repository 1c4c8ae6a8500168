"""How much memory something needs at most."""

import gc
import tracemalloc
from collections.abc import Callable


def peak(act: Callable[[], object]) -> float:
    """Return the most memory, in MB, that `act` held at once.

    What other tests left is kept out of the collector's sight: the more there is of it, the longer it lets garbage lie.
    """
    gc.collect()
    gc.freeze()
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()
        gc.unfreeze()
