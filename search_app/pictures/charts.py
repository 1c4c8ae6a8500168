"""Numbers -> places in a drawing, for templates that draw it as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collections_app.geometry import Histogram, sample
from collections_app.models import Chunk
from search_app.pictures.asked import Asked, ShownHit
from search_app.pictures.colours import Colours, Sign
from search_app.pictures.present import Present
from search_app.results import passage_url

MOST_DRAWN = 2000
WIDTH, HEIGHT, MARGIN = 900.0, 600.0, 24.0
_CHART_HEIGHT, _FLOOR, _ABOVE = 270.0, 240.0, 84.0
# Ranks of hits that are nearer to each other are written above one another, in so many lines.
_APART, _LINES, _LINE = 20.0, 5, 13.0
_LABEL_EVERY = 0.1


@dataclass(frozen=True, slots=True)
class Mark:
    """A point of the map: the name of its colour, its shape as a path, and the passage that it leads to."""

    colour: str
    shape: str
    url: str
    title: str


@dataclass(frozen=True, slots=True)
class Pin:
    """The question on the map, or one of its hits by its rank."""

    x: float
    y: float
    rank: int
    url: str
    title: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """A map with its size, its points, the question and its hits."""

    width: float
    height: float
    marks: Sequence[Mark]
    question: Pin | None
    hits: Sequence[Pin]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bin: where it stands, what it begins and ends with, and how many cosines it has."""

    x: float
    y: float
    width: float
    height: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on the axis of cosines: a number, or a hit by its rank, written at a height of its own."""

    x: float
    label: str
    y: float = 0.0
    url: str = ""
    title: str = ""

    @property
    def top(self) -> float:
        """Where its line begins, below what is written."""
        return self.y + 3


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars of one distribution, the outline of another one behind them, numbers below and hits above the axis."""

    width: float
    height: float
    floor: float
    bars: Sequence[Bar]
    outline: str
    numbers: Sequence[Tick]
    hits: Sequence[Tick]


def drawing_of(present: Present, colours: Colours, asked: Asked | None) -> Drawing:
    """Draw at most MOST_DRAWN of the points, always the same ones."""
    rows = np.flatnonzero(np.isin(present.places, sample(present.places, MOST_DRAWN)))
    coordinates = present.coordinates
    pins = [(hit.x, hit.y) for hit in asked.hits if hit.x is not None and hit.y is not None] if asked else []
    if asked and asked.x is not None and asked.y is not None:
        pins.append((asked.x, asked.y))
    place = _Scale(np.concatenate([coordinates, np.array(pins, dtype=np.float32).reshape(-1, 2)]))
    chunks = {chunk.pk: chunk for chunk in present.passages_at(present.places[rows].tolist())}
    marks = []
    for row in rows.tolist():
        chunk = chunks.get(int(present.picture.chunks[present.places[row]]))
        if chunk:
            sign = Sign(int(colours.classes[row]), is_step=colours.is_scale)
            marks.append(_mark(place(*coordinates[row].tolist()), sign, chunk))
    question, hits = None, []
    if asked:
        if asked.x is not None and asked.y is not None:
            question = Pin(*place(asked.x, asked.y), 0, "", asked.query)
        hits = [
            Pin(*place(hit.x, hit.y), hit.rank, passage_url(hit.hit.chunk), str(hit.hit.document))
            for hit in asked.hits
            if hit.x is not None and hit.y is not None
        ]
    return Drawing(WIDTH, HEIGHT, marks, question, hits)


class _Scale:
    """Where coordinates are in a drawing: both axes in one scale, so that distances mean the same in each direction."""

    def __init__(self, coordinates: NDArray[np.float32]) -> None:
        least, most = coordinates.min(axis=0), coordinates.max(axis=0)
        spans = np.maximum(most - least, 1e-6)
        self._factor = float(min((WIDTH - 2 * MARGIN) / spans[0], (HEIGHT - 2 * MARGIN) / spans[1]))
        self._middle = ((least + most) / 2).tolist()

    def __call__(self, x: float, y: float) -> tuple[float, float]:
        across, up = (x - self._middle[0]) * self._factor, (y - self._middle[1]) * self._factor
        return round(WIDTH / 2 + across, 1), round(HEIGHT / 2 - up, 1)


def _mark(place: tuple[float, float], sign: Sign, chunk: Chunk) -> Mark:
    return Mark(sign.colour, sign.path(*place), passage_url(chunk), str(chunk.document))


def chart_of(question: Histogram, pairs: Histogram, asked: Asked) -> Chart:
    """Draw how the cosines of a question are distributed, with its hits, before those of random pairs of passages."""
    bins = len(question.counts)
    cosines = [hit.cosine for hit in asked.hits if hit.cosine is not None]
    filled = [at for at in range(bins) if question.counts[at] or pairs.counts[at]]
    filled += [min(bins - 1, max(0, int((cosine + 1) * bins / 2))) for cosine in cosines]
    first, last = max(0, min(filled) - 1), min(bins, max(filled) + 2)
    shares = [[count / max(1, each.total) for count in each.counts] for each in (question, pairs)]
    highest = max(*shares[0], *shares[1])
    width = WIDTH / (last - first)

    def across(cosine: float) -> float:
        return round(((cosine + 1) * bins / 2 - first) * width, 1)

    def height(share: float) -> float:
        return round(share / highest * (_FLOOR - _ABOVE), 1)

    bars = [
        Bar(
            x=round((at - first) * width + 1, 1),
            y=_FLOOR - height(shares[0][at]),
            width=round(width - 2, 1),
            height=height(shares[0][at]),
            low=round(at * 2 / bins - 1, 2),
            high=round((at + 1) * 2 / bins - 1, 2),
            count=question.counts[at],
        )
        for at in range(first, last)
        if question.counts[at]
    ]
    steps = "".join(f"V{_FLOOR - height(shares[1][at]):g}H{(at + 1 - first) * width:.1f}" for at in range(first, last))
    numbers = [round(tenth * _LABEL_EVERY, 1) for tenth in range(-10, 11)]
    return Chart(
        width=WIDTH,
        height=_CHART_HEIGHT,
        floor=_FLOOR,
        bars=bars,
        outline=f"M0 {_FLOOR:g}{steps}V{_FLOOR:g}",
        numbers=[Tick(across(number), f"{number:g}") for number in numbers if 8 <= across(number) <= WIDTH - 12],
        hits=_ticks([(across(hit.cosine), hit) for hit in asked.hits if hit.cosine is not None]),
    )


def _ticks(hits: Sequence[tuple[float, ShownHit]]) -> list[Tick]:
    """Write each rank in the first line in which there is room beside the others."""
    last = [-_APART] * _LINES
    ticks = []
    for x, hit in sorted(hits, key=lambda pair: pair[0]):
        line = next((line for line in range(_LINES) if x - last[line] >= _APART), _LINES - 1)
        last[line] = x
        y = _LINE * (line + 1)
        ticks.append(Tick(x, str(hit.rank), y, passage_url(hit.hit.chunk), str(hit.hit.document)))
    return ticks
