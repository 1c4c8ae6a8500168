"""What the readers of files write is known, and told in the reader's language with the same values."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils.translation import override

from collections_app import extraction, reasons
from collections_app.extraction import media_types
from collections_app.extraction.media_types import KINDS
from collections_app.extraction.refusals import REFUSALS
from collections_app.reasons import in_readers_language, is_known
from collections_app.sources import reading

READERS = sorted(Path(extraction.__file__).parent.glob("*.py"))
# What else answers to what people type into a form.
PACKAGE = Path(extraction.__file__).parents[1]
ANSWERING = [
    *sorted((PACKAGE / "services").glob("*.py")),
    *(PACKAGE / name for name in ("drafts.py", "passages.py", "table_import.py")),
]
# What goes on from "The file is named .x but is not a PDF document: ", which is tested whole.
BEGUN_ELSEWHERE = "xit "


def sentences(path: Path) -> Iterator[str]:
    """Return every sentence that a module raises or returns, "x" in place of each value.

    What is only noted, by a statement of its own, is a warning of what was read all the same, which no page shows.
    """
    return (text for text in texts(path, noted=False) if " " in text and text.endswith("."))


def texts(path: Path, *, noted: bool) -> Iterator[str]:
    """Return every text of a module but its documentation, "x" in place of each value."""
    tree = ast.parse(path.read_text())
    statements = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    documentation = {id(value) for value in statements if isinstance(value, ast.Constant) or not noted}

    def visit(node: ast.AST) -> Iterator[str]:
        if id(node) in documentation:
            return
        text = _text(node)
        if text is None:
            for child in ast.iter_child_nodes(node):
                yield from visit(child)
        else:
            yield text

    return visit(tree)


def _text(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values)
    return None


def composed() -> list[str]:
    """Return what is put together of parts."""
    pdf = next(kind for kind in KINDS if kind.label == "a PDF document")
    wrong = [
        media_types._not_what_it_says(pdf, "pdf", is_html=is_html, is_text=is_text)
        for is_html, is_text in ((True, False), (False, True), (False, False))
    ]
    named = media_types._named_otherwise("a.pdf", "a PNG picture") + "Upload documents only."
    return [*wrong, named, reading._refused(1), reading._refused(20)]


@pytest.mark.parametrize("path", READERS + ANSWERING, ids=lambda path: path.stem)
def test_every_sentence_is_known(path: Path) -> None:
    unknown = [sentence for sentence in sentences(path) if not is_known(sentence)]
    assert [sentence for sentence in unknown if not sentence.startswith(BEGUN_ELSEWHERE)] == []


@pytest.mark.parametrize("reason", composed())
def test_what_is_put_together_is_known(reason: str) -> None:
    assert is_known(reason)


def test_every_template_is_of_something_that_is_written() -> None:
    modules = [path for path in PACKAGE.rglob("*.py") if path.name != "reasons.py"]
    written = {*composed(), *(text for path in modules for text in texts(path, noted=True))}
    unwritten = [
        template
        for template, pattern in reasons._patterns()
        if re.sub(r"%\(\w+\)s", "x", template).replace("%%", "%") not in written
        and not any(pattern.fullmatch(text) for text in composed())
    ]
    assert unwritten == []


def test_every_kind_of_file_has_a_name() -> None:
    labels = [kind.label for kind in KINDS] + [refusal.label for refusal in REFUSALS]
    assert [label for label in labels if not is_known(label)] == []


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("The file is empty (0 bytes). Check the original and upload it again.", "文件为空（0 字节）"),
        ("The file is a PNG picture. Upload documents only.", "文件类型为“PNG 图片”。请只上传文档。"),
        ("The table has no column “année”. Its columns are: “a”, “b”.", "表格没有列 “année”。可用的列有：“a”, “b”。"),
        ("The file is no valid JSON: Extra data. Line 3. Correct it and upload it again.", "Extra data. Line 3"),
        (
            "The file is named .pdf but is not a PDF document: it holds plain text. Rename it to .txt, or upload the "
            "original.",
            "文件扩展名为 .pdf，但并非“PDF 文档”：内容是纯文本。",
        ),
    ],
)
def test_it_is_told_with_its_values(written: str, told: str) -> None:
    with override("zh-hans"):
        assert told in in_readers_language(written)
    with override("en"):
        assert in_readers_language(written) == written


def test_what_is_not_known_stays_as_it_is() -> None:
    with override("zh-hans"):
        assert in_readers_language("Something else went wrong: 100 %.") == "Something else went wrong: 100 %."
        assert in_readers_language("") == ""
