"""Draws docs/images/filtered-search.svg from var/reports/filtered.json: python -m benchmarks.filtered_chart

Latency and recall against the share of documents that a filter keeps, for everybody who was asked.
"""

import argparse
import json
from pathlib import Path

from benchmarks.filtered import REPORT
from benchmarks.filtered_data import RELATIONS, SHARES

CHART = Path(__file__).parent.parent / "docs" / "images" / "filtered-search.svg"
MEASURES = {
    "cpu_ms": "processor time, median, ms",
    "p50_ms": "time by the clock, median, ms",
    "p95_ms": "time by the clock, p95, ms",
}
LOOKS = {
    "ours": ("Vectorsite", "#1d4ed8", "-", 2.4),
    "cold": ("… new filter", "#60a5fa", "--", 1.4),
    "no memory": ("… without memory", "#7c3aed", ":", 1.4),
    "chroma": ("Chroma where", "#dc2626", "-", 1.4),
    "lancedb": ("LanceDB", "#d97706", "-", 1.4),
    "pgvector": ("pgvector", "#059669", "-", 1.4),
}


def main() -> None:
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="100000 sqlite", help="number of passages and database, as in the report")
    parser.add_argument("--measure", choices=MEASURES, default="cpu_ms")
    options = parser.parse_args()
    measured = json.loads(REPORT.read_text())[options.run]
    # The same file from the same figures.
    pyplot.rcParams |= {"svg.hashsalt": "vectorsite", "svg.fonttype": "none", "font.size": 9, "axes.spines.top": False}
    figure, axes = pyplot.subplots(
        2, len(RELATIONS), figsize=(10, 5.4), sharex=True, sharey="row", height_ratios=(3, 1)
    )
    for column, relation in enumerate(RELATIONS):
        latency, recall = axes[0][column], axes[1][column]
        for contender, (label, colour, style, width) in LOOKS.items():
            rows = {
                row["share"]: row
                for row in measured["rows"]
                if (row["contender"], row["relation"], row["filters"]) == (contender, relation, 1) and row["kept"]
            }
            shares = [share for share in SHARES if share in rows]
            looks = {"color": colour, "linestyle": style, "linewidth": width, "marker": "o", "markersize": 3}
            latency.plot(shares, [rows[share][options.measure] for share in shares], label=label, **looks)
            recall.plot(shares, [rows[share]["recall"] for share in shares], **looks)
        latency.set_title(f"filter and question: {relation}", fontsize=9)
        latency.set_xscale("log")
        latency.set_yscale("log")
        recall.set_ylim(0, 1.05)
        recall.set_xlabel("share of documents kept")
        recall.invert_xaxis()
    axes[0][0].set_ylabel(MEASURES[options.measure])
    axes[1][0].set_ylabel("recall@10")
    axes[0][0].legend(fontsize=7.5, frameon=False)
    figure.text(0.5, 0.005, measured["conditions"], ha="center", fontsize=7, color="#555555")
    figure.tight_layout(rect=(0, 0.02, 1, 1))
    figure.savefig(CHART, metadata={"Date": None})
    print(CHART)


if __name__ == "__main__":
    main()
