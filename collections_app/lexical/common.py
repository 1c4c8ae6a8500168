"""Words so common that they say nothing about a text. For the eye alone: the ranking knows how rare a word is."""

# English words, folded.
COMMON_WORDS = frozenset(
    "a about an and any are as at be by can do does for from has have how i in is it its my not of on or that the "  # noqa: SIM905
    "there this to was were what when where which who why will with you your".split()
)
# Pairs of Chinese characters.
COMMON_PAIRS = frozenset(
    "一个 一些 一种 这个 这些 那个 那些 这样 那样 一样 什么 怎么 如何 为何 可以 可能 能够 应该 需要 没有 不是 就是 "  # noqa: SIM905
    "还是 但是 因为 所以 如果 而且 并且 或者 以及 我们 他们 它们 自己 其他 其中 之间 时候 已经".split()
)
