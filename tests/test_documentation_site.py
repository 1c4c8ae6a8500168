"""What is made of the pages when they are built as a site; MkDocs itself is not needed here."""

from pathlib import Path

import pytest

from documentation.diagrams import on_page_markdown

DOCS = Path(__file__).parents[1] / "docs"


PAGE = """\
Tables:

```mermaid
erDiagram
    Document |o--o| DocumentText : "has now"
    Collection ||--o{ Document : holds
```

States:

```mermaid
stateDiagram-v2
    [*] --> live : saved · edited
    live --> [*] : deleted
```

End.
"""
AS_TABLES = """\
Tables:

| | | |
|---|---|---|
| at most one `Document` | has now | at most one of `DocumentText` |
| one `Collection` | holds | any number of `Document` |

States:

| from | to | when |
|---|---|---|
| – | `live` | saved · edited |
| `live` | – | deleted |

End.
"""


def test_relations_and_states_are_tables_and_the_rest_stays_as_it_is() -> None:
    assert on_page_markdown(PAGE) == AS_TABLES


def test_a_line_that_is_not_understood_ends_the_build() -> None:
    with pytest.raises(ValueError, match="does not know this line of a diagram: a note"):
        on_page_markdown("```mermaid\nerDiagram\n    a note\n```\n")


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.relative_to(DOCS).as_posix())
def test_every_diagram_of_the_documentation_is_understood(page: Path) -> None:
    assert "```mermaid" not in on_page_markdown(page.read_text())
