"""Numbers -> bars, for the template that draws them as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 920, 140
# Of the room between two bars' beginnings.
_FILLED = 0.8


@dataclass(frozen=True, slots=True)
class Measured:
    """What one bar stands for: its number, what it says under the pointer, and a smaller number drawn within it."""

    number: float
    label: str
    within: float = 0.0


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar in the chart's units: where it stands, and how wide and high it is."""

    x: float
    y: float
    width: float
    height: float
    label: str
    is_within: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars beside each other, with what they show in words: the title, and the most that a bar stands for."""

    title: str
    bars: Sequence[Bar]
    note: str = ""
    top: str = ""
    begins: str = ""
    ends: str = ""
    width: int = WIDTH
    height: int = HEIGHT


def bars(measured: Sequence[Measured], *, least: int = 1) -> list[Bar]:
    """Return the bars, the highest as high as the chart; of fewer than `least` none is wider than of so many."""
    highest = max((one.number for one in measured), default=0) or 1
    step = WIDTH / max(len(measured), least)
    drawn = []
    for place, one in enumerate(measured):
        for number, is_within in ((one.number, False), (one.within, True)):
            if number or not is_within:
                height = round(number / highest * HEIGHT, 2)
                y = round(HEIGHT - height, 2)
                drawn.append(Bar(round(place * step, 2), y, round(step * _FILLED, 2), height, one.label, is_within))
    return drawn
