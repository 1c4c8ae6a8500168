"""A hook of MkDocs: diagrams in Mermaid, which GitHub draws, become tables on the site.

Drawing them in the browser takes a program of three megabytes that themes fetch from elsewhere. Only what docs/ uses is
known: relations of tables (`erDiagram`) and changes of state (`stateDiagram-v2`).
"""

import re
from typing import Any

_BLOCK = re.compile(r"^```mermaid\n(erDiagram|stateDiagram-v2)\n(.*?)^```$", re.M | re.S)
_RELATION = re.compile(r"(\w+) ([|}][|o])--([|o][|{]) (\w+) : \"?([^\"\n]+)\"?")
_CHANGE = re.compile(r"(\[\*\]|\w+) --> (\[\*\]|\w+) : (.+)")
_HOW_MANY = {"||": "one", "|o": "at most one", "o|": "at most one", "o{": "any number", "|{": "at least one"}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return a page's Markdown with its diagrams as tables."""
    return _BLOCK.sub(_table, markdown)


def _table(block: re.Match[str]) -> str:
    kind, text = block.groups()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if kind == "erDiagram":
        rows = [
            f"| {_HOW_MANY[left]} `{one}` | {does} | {_HOW_MANY[right]} of `{other}` |"
            for one, left, right, other, does in (_parsed(_RELATION, line) for line in lines)
        ]
        return "\n".join(["| | | |", "|---|---|---|", *rows])
    rows = [f"| {_state(a)} | {_state(b)} | {why} |" for a, b, why in (_parsed(_CHANGE, line) for line in lines)]
    return "\n".join(["| from | to | when |", "|---|---|---|", *rows])


def _parsed(pattern: re.Pattern[str], line: str) -> tuple[str, ...]:
    found = pattern.fullmatch(line)
    if found is None:
        raise ValueError(f"documentation/diagrams.py does not know this line of a diagram: {line}")
    return found.groups()


def _state(name: str) -> str:
    return "–" if name == "[*]" else f"`{name}`"
