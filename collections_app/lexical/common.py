"""Words so common that they say nothing about a text. For the eye alone: the ranking knows how rare a word is."""

# English words, folded.
COMMON_WORDS = frozenset(
    "a about an and any are as at be by can do does for from has have how i in is it its my not of on or that the "  # noqa: SIM905
    "there this to was were what when where which who why will with you your".split()
)
# More of them, which may well be what a question is about, but not a group of passages.
COMMON_IN_PROSE = COMMON_WORDS | frozenset(
    "all also been before between both but each every here if into it's just like may more most must no one only "  # noqa: SIM905
    "other our out over same see should so some such than their them then these they those through two under until up "
    "we while would".split()
)
# Pairs of Chinese characters that are as common, and characters that are hardly part of a word: a pair with one of them
# is mostly the end of one word and the beginning of another.
COMMON_PAIRS = frozenset(
    "一些 一种 一样 一次 一篇 什么 怎么 如何 为何 可以 可能 能够 应该 需要 没有 不是 但是 因为 所以 如果 而且 并且 "  # noqa: SIM905
    "以及 我们 他们 它们 自己 其他 其中 之间 时候 已经 另见 例如 比如 通过 对于 关于".split()
)
PARTICLES = frozenset("的了是和与个也都就这那之或把被让很")
