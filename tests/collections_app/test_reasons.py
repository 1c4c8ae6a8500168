"""What is written of failures is known, and told in the reader's language with the same values."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils.translation import override
from pydantic import ValidationError

from collections_app import extraction, reasons
from collections_app.audit import FINDING_LABELS
from collections_app.embeddings import chroma_default
from collections_app.exceptions import CollectionFileRefused
from collections_app.extraction import media_types
from collections_app.extraction.media_types import KINDS
from collections_app.extraction.refusals import REFUSALS
from collections_app.metadata import FieldType
from collections_app.portable import values
from collections_app.reasons import in_readers_language, is_known
from collections_app.reasons.documents import FIELD_TYPES
from collections_app.reasons.indexes import FINDINGS
from collections_app.sources import reading
from search_app.api.schemas import SearchIn
from tests.collections_app.written import sentences, texts, texts_of_errors

PACKAGE = Path(extraction.__file__).parents[1]
ROOT = PACKAGE.parent
READERS = sorted((PACKAGE / "extraction").glob("*.py"))
# What speaks English at the command line, what marks all that it says for translation, and what only names things.
ELSEWHERE = {"admin", "demo", "extraction", "management", "migrations", "models", "reasons"}
# Texts to embed, and the words of the API's page.
NO_REASONS = {"examples.py", "schemas.py", "application.py"}
MODULES = [path for package in (PACKAGE, ROOT / "search_app") for path in sorted(package.rglob("*.py"))]
FAILING = [path for path in MODULES if ELSEWHERE.isdisjoint(path.parts) and path.name not in NO_REASONS]
# What goes on from "The file is named .x but is not a PDF document: ", which is tested whole.
BEGUN_ELSEWHERE = "xit "


def composed() -> list[str]:
    """Return what is put together of parts."""
    pdf = next(kind for kind in KINDS if kind.label == "a PDF document")
    wrong = [
        media_types._not_what_it_says(pdf, "pdf", is_html=is_html, is_text=is_text)
        for is_html, is_text in ((True, False), (False, True), (False, False))
    ]
    named = media_types._named_otherwise("a.pdf", "a PNG picture") + "Upload documents only."
    lines = [f"{values.DOCUMENTS}, line 1", f"{values.CHUNKS}, line 1"]
    files = " and no ".join(chroma_default._FILES)
    return [*wrong, named, reading._refused(1), reading._refused(20), *lines, files, _missing(), *_validated()]


def _missing() -> str:
    with pytest.raises(CollectionFileRefused) as refused:
        values.read_document(b"{}", 3)
    return str(refused.value)


def _validated() -> Iterator[str]:
    """Yield what the library says of bodies that the API refuses."""
    for body in (
        {"query": 1, "collections": [], "filter": [], "like": {"document": "x", "start": -1}, "diversity": "a"},
        {"collections": "x", "like": 3, "diversity": None, "limit": None, "facets": "maybe", "offset": "9" * 5000},
        {"collections": ["a"] * 99, "like": {"document": 5, "end": "a"}, "facets": [], "limit": 1.5, "nope": 1},
        {"limit": 1000, "offset": -1},
    ):
        try:
            SearchIn.model_validate(body)
        except ValidationError as error:
            yield from (each["msg"] for each in error.errors())
    yield "Cannot parse request body"


@pytest.mark.parametrize("path", READERS, ids=lambda path: path.stem)
def test_every_sentence_of_the_readers_is_known(path: Path) -> None:
    unknown = [sentence for sentence in sentences(path) if not is_known(sentence)]
    assert [sentence for sentence in unknown if not sentence.startswith(BEGUN_ELSEWHERE)] == []


def test_everything_that_errors_say_is_known() -> None:
    unknown = {
        str(path.relative_to(ROOT)): missing
        for path in FAILING
        if (missing := [text for text in sorted(texts_of_errors(path)) if not is_known(text)])
    }
    assert unknown == {}


def test_what_an_error_says_is_found_wherever_it_is_written(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        '''"""Documentation is none."""
REMEDY = "Mend it."
def check(what):
    found = "not there" if what else f"of the kind {what}"
    raise InvalidDocument(f"{what} is {found}. {REMEDY}")
def _refusal(name, expected) -> InvalidDocument:
    return InvalidDocument(f"{name}: {expected}")
def use(value) -> str:
    raise _refusal("a", f"a text of {value} characters")
    raise ValueError("programmers see this alone")
    logger.warning("So does who reads the log.")
    return "what is wrong"
'''
    )
    assert texts_of_errors(module) == {
        "Mend it.", "not there", "of the kind x", "x is x. Mend it.", "x: x", "a text of x characters", "what is wrong"
    } - {"x: x"}  # fmt: skip


@pytest.mark.parametrize("reason", composed())
def test_what_is_put_together_is_known(reason: str) -> None:
    assert is_known(reason)


def test_every_template_is_of_something_that_is_written() -> None:
    modules = [path for path in MODULES if path.parent.name != "reasons"]
    together = composed()
    written = {*together, *(text for path in modules for text in texts(path, noted=True))}
    for path in FAILING:
        written |= texts_of_errors(path)
    unwritten = [
        template.text
        for template in reasons.TEMPLATES
        if "x".join(template.literals) not in written and not any(template.values_in(text) for text in together)
    ]
    assert unwritten == []


def test_no_template_stands_twice() -> None:
    texts = [template.text for template in reasons.TEMPLATES]
    assert len(texts) == len(set(texts))


def test_every_kind_of_file_has_a_name() -> None:
    labels = [kind.label for kind in KINDS] + [refusal.label for refusal in REFUSALS]
    assert [label for label in labels if not is_known(label)] == []


def test_the_types_of_fields_and_what_audits_find_have_names() -> None:
    assert list(FIELD_TYPES) == sorted((kind.value for kind in FieldType), key=list(FIELD_TYPES).index)
    with override("en"):
        assert {name.replace("_", " "): str(label) for name, label in FINDING_LABELS.items()} == FINDINGS


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
        # A part in a part in a part, and a remedy that is written once for many.
        (
            "documents.jsonl, line 3: segments[0]: end is a number, or out of bounds; it must be a whole number from 0 "
            "to 7. The file is damaged or was not written by this site's format; export it again.",
            "documents.jsonl，行 3：segments[0]: end 是数值，或超出范围；它须为从 0 到 7 的整数。文件已损坏",
        ),
        (
            "judged.jsonl, line 2: “text” has to be text, and not blank.",
            "judged.jsonl 第 2 行：“text”须为文本，且不能为空白。",
        ),
        (
            "The field 'year' (integer) does not take 'soon': give a whole number of at most 64 bits such as 42, or "
            "declare the field as number or text.",
            "字段 'year'（整数）不接受 'soon'：请给出不超过 64 位的整数",
        ),
        (
            "The vector store cannot serve now. Check its log, its disk space and its address; if it stays so after "
            "that, restart it. Chroma said: disk full",
            "请重新启动。Chroma 的应答：disk full",
        ),
        (
            "api.example answered HTTP 400 for the model m: too long Shorten the text, or set `max_tokens` to what "
            "the model takes.",
            "api.example 对模型 m 的请求应答 HTTP 400：too long 请缩短文本",
        ),
    ],
)
def test_it_is_told_with_its_values(written: str, told: str) -> None:
    with override("zh-hans"):
        assert told in in_readers_language(written)
    with override("en"):
        assert in_readers_language(written) == written


def test_what_an_audit_found_is_told_by_the_names_that_its_page_has() -> None:
    written = (
        "Its audit found it out of step with the vector store (ids missing in store: 3, entries behind: 1). Rebuild it "
        "in the store, or repair it."
    )
    with override("zh-hans"):
        assert "（向量库中缺少的 ID: 3, 落后的台账条目: 1）" in in_readers_language(written)


def test_of_two_that_fit_the_one_that_says_more_is_taken() -> None:
    with override("zh-hans"):
        told = in_readers_language("The file cannot be read now: no space. Free some space and try again.")
        assert told == "现在无法读取此文件：no space。请腾出一些空间后重试。"


def test_a_long_reason_is_looked_at_quickly() -> None:
    written = ", line is x: cannot be. " * 10_000
    with override("zh-hans"):
        assert in_readers_language(written) == written


def test_what_is_not_known_stays_as_it_is() -> None:
    with override("zh-hans"):
        assert in_readers_language("Something else went wrong: 100 %.") == "Something else went wrong: 100 %."
        assert in_readers_language("") == ""
