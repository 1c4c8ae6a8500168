"""What was measured, in var/reports/bench.json: each figure beside its rival, with the conditions of that run."""

import json
import os
import statistics
from collections.abc import Sequence
from pathlib import Path

REPORTS = Path(__file__).parent.parent / "var" / "reports"
REPORT = REPORTS / "bench.json"


def add(
    name: str,
    *,
    ours: float,
    other: float | None,
    unit: str,
    conditions: str,
    ratio: float | None = None,
) -> None:
    """Add a figure to the report in place of an older one of its name, and print it. `ratio` is ours / other."""
    if ratio is None and other:
        ratio = ours / other
    figure = {
        "ours": round(ours, 3),
        "other": None if other is None else round(other, 3),
        "unit": unit,
        "ratio": None if ratio is None else round(ratio, 3),
        "conditions": f"{conditions}; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
    }
    report = json.loads(REPORT.read_text()) if REPORT.exists() else {}
    report[name] = figure
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    print(f"{name}: {json.dumps(figure, ensure_ascii=False)}", flush=True)


def sized(chunks: int, vendor: str) -> str:
    """Return what stands for a size and a database in the names of figures; SQLite goes without saying."""
    return f"{chunks // 1000}k" if vendor == "sqlite" else f"{chunks // 1000}k_{vendor}"


def median_ratio(ours: Sequence[float], other: Sequence[float]) -> float:
    """Return the median of the ratios of what was measured in turn, so that noise that lasts hits both."""
    return statistics.median(a / b for a, b in zip(ours, other, strict=True))
