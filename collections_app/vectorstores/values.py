"""The metadata that a stored record may have: keys, scalars and lists that every store keeps.

Chroma keeps every value as it is but for one: numbers reach its server as JSON, which it reads with two roundings, so
that one in ten of those with more than 15 significant digits comes back with other last bits.
"""

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

Scalar: TypeAlias = str | int | float | bool
MetadataValue: TypeAlias = Scalar | list[str] | list[int] | list[float] | list[bool]

RESERVED_KEY_PREFIXES = ("#", "$", "chroma:")
"""Chroma reads keys that begin so as operators or as columns of its own."""

INT64 = range(-(2**63), 2**63)

_LAST_BITS = 2.0**-50
"""Chroma 1.5.9 was seen to miss a number by up to four units in the last place, one of which is 2^-53 to 2^-52."""


def type_of(value: object) -> type | None:
    """`bool`, `str` or `float` (for every number) where `value` is a scalar, else None."""
    if isinstance(value, bool):
        return bool
    if isinstance(value, str):
        return str
    return float if isinstance(value, int | float) else None


def are_kept(kept: Mapping[str, MetadataValue], given: Mapping[str, MetadataValue]) -> bool:
    """Whether a record with the metadata `kept` is one that was given as `given`: equal but for the last bits."""
    return kept.keys() == given.keys() and all(_is_kept(kept[key], value) for key, value in given.items())


def _is_kept(kept: object, given: object) -> bool:
    if isinstance(given, list):
        return isinstance(kept, list) and len(kept) == len(given) and all(map(_is_kept, kept, given))
    if isinstance(given, float) and type_of(kept) is float:
        return math.isclose(kept, given, rel_tol=_LAST_BITS, abs_tol=math.ulp(0.0))  # type: ignore[arg-type]
    return kept == given


def key_problem(key: Any) -> str:
    """Why a store cannot keep a value under this key, "" if it can."""
    if not isinstance(key, str) or not key:
        return "is not a non-empty text"
    if key.startswith(RESERVED_KEY_PREFIXES):
        return f"begins with one of {', '.join(RESERVED_KEY_PREFIXES)}; rename it"
    return "" if _is_utf8(key) else "has a lone surrogate; remove it"


def value_problem(value: Any) -> str:
    """Why a store cannot keep this value unchanged, "" if it can."""
    if not isinstance(value, list):
        return scalar_problem(value)
    if not value:
        return "is an empty list; leave the key out"
    if len({type(item) for item in value}) > 1:
        return "is a list of several types; make its items all text, all integers, all floats or all booleans"
    return next(filter(None, map(scalar_problem, value)), "")


def scalar_problem(value: Any) -> str:
    """Why a store cannot keep, or compare with, this scalar, "" if it can."""
    if isinstance(value, bool):
        return ""
    if isinstance(value, str):
        return "" if _is_utf8(value) else "holds text with a lone surrogate; remove it"
    if isinstance(value, int):
        return "" if value in INT64 else "holds an integer beyond 64 bits; store it as text"
    if isinstance(value, float):
        return "" if math.isfinite(value) else f"holds {value}, which is not a finite number; leave it out"
    return f"holds a {type(value).__name__}; give text, an integer, a float, a boolean or a list of one of them"


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
