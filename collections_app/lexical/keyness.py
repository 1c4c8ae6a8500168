"""Which terms tell some passages from the others.

The log-odds ratio with an informative Dirichlet prior of Monroe, Colaresi and Quinn (2008, "Fightin' Words", equations
16, 19 and 22): how much likelier a term is inside than outside, shrunk towards what is usual, in standard deviations.
Passages that have a term are counted and not its occurrences, so that no single passage can make a term typical.
"""

import numpy as np
from numpy.typing import NDArray

# What the prior weighs, in passages' terms; the paper's alpha_0.
_PRIOR = 500.0


def keyness(inside: NDArray[np.int64], everywhere: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the z-score of each term, [t], from how many passages have it `inside` and `everywhere`, int64 [t].

    `everywhere` counts those inside too, and each term is in some passage. Zero where inside is all or nothing.
    """
    outside = everywhere - inside
    total, total_inside, total_outside = int(everywhere.sum()), int(inside.sum()), int(outside.sum())
    if not total_inside or not total_outside:
        return np.zeros(len(everywhere))
    prior = _PRIOR * everywhere / total
    had, had_not = inside + prior, outside + prior
    rest, rest_not = total_inside + _PRIOR - had, total_outside + _PRIOR - had_not
    # With a single term there is no rest to compare it with.
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = np.log(had) - np.log(rest) - np.log(had_not) + np.log(rest_not)
    return np.where((rest > 0) & (rest_not > 0), odds / np.sqrt(1 / had + 1 / had_not), 0.0)
