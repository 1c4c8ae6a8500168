"""The tables of the lab."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from collections_app import geometry, lab
from collections_app.admin import cells
from collections_app.admin.pages import Panel
from collections_app.lab import Agreement, Finding, Scored, Texts, Variant

# Rows of a ranking that are shown; a download has all.
_ROWS = 20
_HEAD = 5
# Moved items that are named.
_MOVES = 6


@dataclass(frozen=True, slots=True)
class HeatCell:
    """A number, and how warm it is, from 0 to 1."""

    number: str
    heat: str


@dataclass(frozen=True, slots=True)
class HeatRow:
    number: int
    text: Any
    cells: Sequence[HeatCell]


@dataclass(frozen=True, slots=True)
class Heat:
    """A matrix with its numbers in colours."""

    title: str
    note: str
    rows: Sequence[HeatRow]


def heats(finding: Finding) -> list[Heat]:
    """Return the matrices of cosines and distances; both are warm where two texts are alike."""
    texts = finding.embedded.texts.passages
    # Unit vectors that are at right angles are √2 apart.
    return [
        Heat(
            _("Cosine similarity"),
            _("1: the same direction. 0: nothing in common."),
            _heat_rows(texts, finding.cosines, lambda cosine: cosine),
        ),
        Heat(
            _("Euclidean distance"),
            _("0: the same point. √2 ≈ 1.4142: nothing in common."),
            _heat_rows(texts, finding.distances, lambda distance: 1 - distance / sqrt(2)),
        ),
    ]


def _heat_rows(texts: Sequence[str], matrix: Any, warmth: Any) -> list[HeatRow]:
    return [
        HeatRow(
            number,
            cells.shortened(text, 60),
            [HeatCell(f"{value:.4f}", f"{min(1.0, max(0.0, warmth(value))):.3f}") for value in row],
        )
        for number, (text, row) in enumerate(zip(texts, matrix.tolist(), strict=True), start=1)
    ]


def texts_panel(finding: Finding) -> Panel:
    """Return each text with its tokens, its vector's beginning and length, and what the model can read of it."""
    embedded = finding.embedded
    rows: list[list[Any]] = []
    if embedded.query is not None:
        length = float(geometry.norms(embedded.query[None, :])[0])
        rows.append([_("Query"), _text(embedded.texts.query), *_vector(embedded.query, length), embedded.query_tokens])
    for number, (text, vector, norm, tokens, readable) in enumerate(
        zip(embedded.texts.passages, embedded.vectors, finding.norms, embedded.tokens, embedded.readable, strict=True),
        start=1,
    ):
        rows.append([number, _text(text), *_vector(vector, norm), _tokens(tokens, readable, finding)])
    return Panel(
        title=_("Vectors"),
        headers=["#", _("Text"), _("The first numbers"), _("Norm"), _("Tokens")],
        rows=rows,
    )


def _tokens(tokens: int, readable: float, finding: Finding) -> Any:
    most = finding.embedded.profile.max_tokens
    warnings = []
    if tokens > most:
        warnings.append(_("only the first %d are read") % most)
    if readable < 1:
        warnings.append(_("%d %% of its characters are not in the vocabulary") % round(100 * (1 - readable)))
    if not warnings:
        return tokens
    return format_html("{} {}", tokens, cells.tag(cells.listed(warnings), cells.WARNING))


def ranking_panel(finding: Finding) -> Panel:
    """Return what is ranked, the most similar first."""
    shown = finding.ranking[:_ROWS]
    rest = len(finding.ranking) - len(shown)
    texts = finding.embedded.texts
    return Panel(
        title=_("Ranking") if texts.query else _("Pairs, the most similar first"),
        headers=["#", _("Text") if texts.query else _("Texts"), _("Cosine"), _("Distance")],
        rows=[[item.position, _item(texts, item), f"{item.cosine:.4f}", f"{item.distance:.4f}"] for item in shown],
        note=_("%d more are in the downloads.") % rest if rest else "",
        empty=_("One text has nothing to be compared with."),
    )


def variants_panel(finding: Finding) -> list[Panel]:
    """Return what was tried on the vectors, nothing if nothing was."""
    if not finding.variants and not finding.impossible:
        return []
    full = finding.embedded.vectors.shape[1]
    k = finding.variants[0].agreement.k if finding.variants else 0
    size = geometry.bytes_per_vector(full, quantised=False)
    none = cells.NOTHING
    rows: list[list[Any]] = [[full, "float32", _bytes(size, size), none, none, none, none, _("the ranking above")]]
    rows += [
        [
            variant.dimensions,
            "int8" if variant.is_quantised else "float32",
            _bytes(variant.bytes_per_vector, size),
            *_agreement(variant.agreement),
            f"{variant.largest_error:.4f}",
            _moves(variant, finding),
        ]
        for variant in finding.variants
    ]
    impossible = cells.listed(str(dimensions) for dimensions in finding.impossible)
    notes = [
        _("Shorter: the first numbers, brought to length 1 again (Matryoshka; arXiv:2205.13147)."),
        _("int8: c = round(x / s) with s = max|x| / 127 for each vector (arXiv:2004.09602, 3.1.2)."),
        _("“5: 2 → 4” says that text 5 goes from the second place to the fourth.")
        if finding.embedded.query is not None
        else _("“1–5: 2 → 4” says that texts 1 and 5 go from the second place to the fourth."),
    ]
    if finding.impossible:
        text = _("Its vectors have %(full)d dimensions, so %(impossible)s could not be tried.")
        notes.append(text % {"full": full, "impossible": impossible})
    return [
        Panel(
            title=_("Shorter and coarser vectors against the full ones"),
            headers=[
                _("Dimensions"), _("Numbers"), _("Bytes"), "Spearman ρ", "Kendall τ-b",
                _("Recall at %d") % k, _("Largest error"), _("Ranks that change"),
            ],
            rows=rows,
            note=" ".join(notes),
        )
    ]  # fmt: skip


def overview_panel(texts: Texts, findings: Sequence[Finding]) -> Panel:
    """Return what the profiles rank, side by side, in the order of the first."""
    first = findings[0]
    shown = first.ranking[:_ROWS]
    order = [(item.first, item.second) for item in shown]
    by_profile = [{(item.first, item.second): item for item in finding.items} for finding in findings]
    return Panel(
        title=_("Side by side"),
        note=_("Position and cosine for each profile, in the order of the first."),
        headers=[_("Text") if texts.query else _("Texts"), *(finding.embedded.profile.name for finding in findings)],
        rows=[
            [_item(texts, item), *(_place(items[key]) for items in by_profile)]
            for item, key in zip(shown, order, strict=True)
        ],
    )


def agreement_panel(findings: Sequence[Finding], *, k: int) -> Panel:
    """Return how alike every two profiles rank."""
    return Panel(
        title=_("How alike they rank"),
        headers=[_("Profiles"), "Spearman ρ", "Kendall τ-b", _("Of the %d best, in common") % k],
        rows=[
            [f"{one.name} – {other.name}", *_agreement(agreement)]
            for one, other, agreement in lab.agreements(findings, k=k)
        ],
        note=_("1: the same order. 0: no relation. −1: the opposite order. Cosines of different models "
               "are on different scales, so only orders are compared."),
    )  # fmt: skip


def _place(item: Scored) -> SafeString:
    return format_html('<span class="vs-place">{}</span> {}', item.position, f"{item.cosine:.4f}")


def _agreement(agreement: Agreement) -> list[str]:
    return [
        cells.NOTHING if value is None else f"{value:.3f}"
        for value in (agreement.spearman, agreement.kendall, agreement.recall)
    ]


def _bytes(number: int, full: int) -> str:
    share = number / full
    # A no-break space: the column is narrow.
    return cells.count(number) if number == full else f"{cells.count(number)}\N{NO-BREAK SPACE}({share:.0%})"


def _moves(variant: Variant, finding: Finding) -> Any:
    if not variant.moves:
        return cells.tag(_("none"), cells.SUCCESS)
    named = [
        format_html("<span>{}: {} → {}</span>", _label(finding.items[move.item]), move.before, move.after)
        for move in variant.moves[:_MOVES]
    ]
    if rest := len(variant.moves) - len(named):
        named.append(format_html("<span>{}</span>", _("%d more") % rest))
    return format_html('<span class="vs-moves">{}</span>', SafeString("".join(named)))


def _label(item: Scored) -> str:
    return f"{item.second + 1}" if item.first is None else f"{item.first + 1}–{item.second + 1}"


def _item(texts: Texts, item: Scored) -> SafeString:
    """Return the texts that a line of a ranking is about, with their numbers."""
    rows = [item.second] if item.first is None else [item.first, item.second]
    return _joined(
        format_html('<span class="vs-place">{}</span> {}', row + 1, _text(texts.passages[row])) for row in rows
    )


def _joined(parts: Iterable[SafeString]) -> SafeString:
    lines = [format_html('<span class="vs-line">{}</span>', part) for part in parts]
    return format_html('<span class="vs-lines">{}</span>', SafeString("".join(lines)))


def _text(text: str) -> SafeString | str:
    return cells.shortened(text, 80)


def _vector(vector: Any, norm: float) -> list[Any]:
    head = ", ".join(f"{number:+.4f}" for number in vector[:_HEAD])
    return [cells.code(f"{head}{', …' if len(vector) > _HEAD else ''}"), f"{norm:.4f}"]
