"""Least and greatest value -> a few ranges with round bounds. Pure."""

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any

MOST_RANGES = 6
_STEPS = (1, 2, 5, 10)
_INTEGERS = range(-(2**63), 2**63)
_MONTHS = range(12, 12 * 10_000)

Range = tuple[Any, Any]


def ranges(least: Any, most: Any) -> list[Range]:
    """Return ranges [from, to) of numbers, dates or aware date-times that hold both and all between.

    There are at most MOST_RANGES, and one more where `least` lies within one.
    Bounds are round: multiples of 1, 2 or 5 times a power of ten; of dates years, or months within a few years, or days
    within a few weeks. One that no value can have is None. A single value has no ranges.
    """
    if least == most:
        return []
    match least:
        case datetime():
            zone = least.tzinfo or UTC
            bounds: Sequence[Any] = [
                day and datetime(day.year, day.month, day.day, tzinfo=zone)
                for day in _date_bounds(least.date(), most.date())
            ]
        case date():
            bounds = _date_bounds(least, most)
        case int():
            bounds = [bound if bound in _INTEGERS else None for bound in _whole_bounds(least, most)]
        case _:
            bounds = _number_bounds(least, most)
    return list(pairwise(bounds))


def _whole_bounds(least: int, most: int) -> list[int]:
    # Rounded up by whole numbers alone: a float holds only 53 bits of them.
    raw = max(-((least - most) // (MOST_RANGES - 1)), 1)
    power = 10 ** (len(str(raw)) - 1)
    return _multiples(least, most, next(factor * power for factor in _STEPS if factor * power >= raw))


def _multiples(least: int, most: int, step: int) -> list[int]:
    return [number * step for number in range(least // step, most // step + 2)]


def _number_bounds(least: float, most: float) -> list[float]:
    raw = max(most / (MOST_RANGES - 1) - least / (MOST_RANGES - 1), math.ulp(max(abs(least), abs(most))) * MOST_RANGES)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in _STEPS if factor * power >= raw * (1 - 1e-9))

    def bound(number: int) -> float:
        # Multiplied, and not added up, so that no bound creeps away from its round value.
        return float(f"{number * step:.12g}")

    first, last = math.floor(least / step), math.floor(most / step) + 1
    # Dividing rounds too: 0.35 / 0.05 is less than 7.
    first, last = first - (bound(first) > least), last + (bound(last) <= most)
    return [bound(number) for number in range(first, last + 1)]


def _date_bounds(least: date, most: date) -> list[date | None]:
    years = most.year - least.year
    if years >= MOST_RANGES - 1:
        return [_first_of(12 * year) for year in _whole_bounds(least.year, most.year)]
    months = years * 12 + most.month - least.month
    if months:
        step = next(step for step in (1, 2, 3, 6, 12) if months / step < MOST_RANGES - 1)
        return [_first_of(month) for month in _multiples(_month(least), _month(most), step)]
    step = next(step for step in (1, 7) if (most - least).days / step < MOST_RANGES - 1)
    days = _multiples(least.toordinal(), most.toordinal(), step)
    return [date.fromordinal(day) if 1 <= day <= date.max.toordinal() else None for day in days]


def _month(day: date) -> int:
    return day.year * 12 + day.month - 1


def _first_of(month: int) -> date | None:
    return date(month // 12, month % 12 + 1, 1) if month in _MONTHS else None
