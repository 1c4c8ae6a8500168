"""The Chinese catalogue: complete, compiled, in step with the code, and seen on the pages. No GNU gettext is needed."""

import ast
import gettext
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import unfold
from django.conf import settings
from django.db.models import Model
from django.test import Client
from django.utils import timezone
from django.utils.translation import deactivate, override
from django.utils.translation.template import templatize

from collections_app import audit, comparison, pictures, profiles, services, sources
from collections_app.admin.health import PARTS
from collections_app.admin.unfold_labels import UNFOLD_LABELS
from collections_app.evaluation.judged import JudgedQuestion
from collections_app.extraction import SUPPORTED
from collections_app.forms.upload import KINDS
from collections_app.health import CHECKS
from collections_app.models import (
    Budget,
    Collection,
    Document,
    EmbeddingProfile,
    Import,
    ImportOrigin,
    IndexAudit,
    IndexEntry,
    MetadataField,
    PhysicalCollection,
    ProfileComparison,
    SourceFile,
    TrailRecord,
    Usage,
    VectorIndex,
    VectorStoreStatus,
)
from search_app import picture_views
from tests.collections_app.admin_pages import list_page, page
from tests.conftest import Drain, save, serving_index

ROOT = Path(settings.BASE_DIR)
FOLDER = ROOT / "vectorsite" / "locale" / "zh_Hans" / "LC_MESSAGES"
USER = "admin@example.com"
BROWSER = {"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"}
# What the functions that mark a text take first; all others may stand anywhere.
ARGUMENTS = {"gettext": ("id",), "ngettext": ("id", "plural"), "pgettext": ("context", "id")}
ARGUMENTS["npgettext"] = ("context", "id", "plural")
PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[sdf]|\{\w*\}")
ENDS = {"...": "…", "…": "…", ".": "。", "?": "？", ":": "："}
LITERAL = r"""u?(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")"""
# Names, codes and keys that Chinese readers know as they are.
KNOWN = {"Vectorsite", "English", "en", "zh", "hans", "esc", "UTC", "ms"}
# What is engraved on keys.
KNOWN |= {"Enter", "Tab", "Ctrl", "Space", "Esc"}
KNOWN |= {"SQL", "HNSW", "ID", "JSON", "CSV", "Excel", "MiB", "nDCG", "USD", "CNY", "EUR"}
# What holds no words of the page: programs, and lists of names such as those of the world's time zones.
UNREAD = {"script", "style", "select", "template"}
VOID = {"br", "hr", "img", "input", "link", "meta", "path", "rect", "circle", "line", "polyline"}


@dataclass(frozen=True, order=True, slots=True)
class Message:
    """What a text is looked up by."""

    id: str
    context: str = ""


@dataclass(slots=True)
class Entry:
    """An entry of a .po file, its strings by what introduces them."""

    strings: dict[str, str] = field(default_factory=dict)
    flags: str = ""

    @property
    def message(self) -> Message:
        return Message(self.strings["msgid"], self.strings.get("msgctxt", ""))

    @property
    def translation(self) -> str:
        """The one translation: Chinese has no plural forms."""
        return self.strings.get("msgstr[0]", self.strings.get("msgstr", ""))


def read_po(path: Path) -> list[Entry]:
    """Return the entries of a .po file, its header aside."""
    entries = []
    for block in path.read_text().split("\n\n"):
        entry, name = Entry(), ""
        for line in block.splitlines():
            if line.startswith("#"):
                entry.flags += line.removeprefix("#,") if line.startswith("#,") else ""
                continue
            before, quote, text = line.partition('"')
            name = before.strip() or name
            entry.strings[name] = entry.strings.get(name, "") + ast.literal_eval(quote + text)
        entries.append(entry)
    return entries[1:]


@pytest.fixture(autouse=True)
def _no_language_is_left_over() -> Iterator[None]:
    """A request chooses the language of its thread, which is that of the next test."""
    yield
    deactivate()


@pytest.fixture(scope="module")
def entries() -> list[Entry]:
    return read_po(FOLDER / "django.po")


def marked_in_python(path: Path) -> Iterator[Message]:
    """Yield the texts that a module marks for translation, f-strings included, whatever names it imports."""
    tree = ast.parse(path.read_text())
    names = {
        alias.asname or alias.name: re.sub("_(lazy|noop)$", "", alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
        for alias in node.names
    }
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        wanted = ARGUMENTS.get(names.get(node.func.id, ""), ())
        given = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
        if wanted and len(given) >= len(wanted):
            yield _message(wanted, given)


def marked_in_template(path: Path) -> Iterator[Message]:
    """Yield the texts that a template marks, as Django itself reads it."""
    call = re.compile(rf"\b(n?p?gettext|_)\(\s*({LITERAL}(?:\s*,\s*{LITERAL})*)")
    for name, literals in call.findall(templatize(path.read_text(), origin=str(path))):
        yield _message(ARGUMENTS["gettext" if name == "_" else name], ast.literal_eval(f"[{literals}]"))


def _message(wanted: tuple[str, ...], given: list[Any]) -> Message:
    named = dict(zip(wanted, given, strict=False))
    return Message(named["id"], named.get("context", ""))


def marked_in(folder: Path) -> set[Message]:
    in_python = {message for path in folder.rglob("*.py") for message in marked_in_python(path)}
    return in_python | {message for path in folder.rglob("*.html") for message in marked_in_template(path)}


# --- the catalogue ------------------------------------------------------------------------------------------------


def test_every_entry_is_translated_and_none_is_only_guessed(entries: list[Entry]) -> None:
    assert len(entries) > 500
    assert [entry.message for entry in entries if not entry.translation.strip() or "fuzzy" in entry.flags] == []


def test_what_is_compiled_is_what_is_written(entries: list[Entry]) -> None:
    with (FOLDER / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    told: dict[Any, str] = {key: text for key, text in vars(compiled)["_catalog"].items() if key}
    written: dict[Any, str] = {}
    for entry in entries:
        key = "\x04".join(filter(None, [entry.message.context, entry.message.id]))
        written[(key, 0) if "msgid_plural" in entry.strings else key] = entry.translation

    assert told == written, "Run `make messages`."


def test_the_catalogue_holds_what_the_site_says_and_nothing_else(entries: list[Entry]) -> None:
    said = {message for name in ("collections_app", "search_app", "vectorsite") for message in marked_in(ROOT / name)}
    catalogue = {entry.message for entry in entries}

    assert (sorted(said - catalogue), sorted(catalogue - said)) == ([], []), "Run `make messages` and translate."


def test_translations_have_the_placeholders_of_their_texts(entries: list[Entry]) -> None:
    differing = [
        entry.message
        for entry in entries
        if sorted(PLACEHOLDER.findall(entry.strings.get("msgid_plural", entry.message.id)))
        != sorted(PLACEHOLDER.findall(entry.translation))
    ]
    assert differing == []


def test_translations_end_like_their_texts(entries: list[Entry]) -> None:
    """A sentence stays a sentence, a question a question, a label a label."""
    differing = []
    for entry in entries:
        end = next((chinese for english, chinese in ENDS.items() if entry.message.id.endswith(english)), "")
        if end != "".join({entry.translation[-1:]} & {*ENDS.values()}):
            differing.append(entry.message)
    assert differing == []


def test_labels_taken_over_from_unfold_are_still_labels_of_unfold() -> None:
    of_unfold = {message.id for message in marked_in(Path(unfold.__file__).parent)}
    assert set(UNFOLD_LABELS) - of_unfold == set()


# --- the pages ----------------------------------------------------------------------------------------------------


class Reader(HTMLParser):
    """Notes what a page shows or reads out that has other Latin words than `KNOWN` and those of `known`."""

    def __init__(self, known: str) -> None:
        super().__init__()
        self.language = ""
        self.found: list[str] = []
        self._known = KNOWN | _latin(known)
        self._silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.language = given.get("lang", "") if tag == "html" else self.language
        if tag not in VOID and (self._silent or tag in UNREAD or "material-symbols" in given.get("class", "")):
            self._silent.append(tag)
        for name in () if self._silent else ("aria-label", "placeholder", "title"):
            self.handle_data(given.get(name, ""))

    def handle_endtag(self, tag: str) -> None:
        if self._silent and tag not in VOID:
            self._silent.pop()

    def handle_data(self, data: str) -> None:
        if not self._silent and _latin(data) - self._known:
            self.found.append(" ".join(data.split()))


def _latin(text: str) -> set[str]:
    """Return the words of two letters or more; digests and names with digits are none."""
    return set(re.findall("(?<![A-Za-z0-9])[A-Za-z]{2,}(?![A-Za-z0-9])", text))


def leftovers(response: Any, known: str = "") -> list[str]:
    """Return what a page that is said to be Chinese says in another language, its data aside."""
    reader = Reader(known)
    reader.feed(response.content.decode())
    assert reader.language.lower() == "zh-hans"
    return reader.found


@pytest.fixture
def library(db: None, drain: Drain) -> Collection:
    """A collection whose data are Chinese, so that each Latin word on a page is the site's own."""
    profile = profiles.create_profile("散列", backend="meaningless")
    collection = services.create_collection("手册", slug="手册", profile=profile)
    MetadataField.objects.create(collection=collection, name="年份", source_name="年份", type="integer")
    save(collection, "索引", "向量索引让相似的段落排在一起。", title="向量索引", metadata={"年份": 2024})
    drain(collection)
    Budget.objects.create(collection=collection, amount=0, period="day")
    save(collection, "花费", "没有预算可用于这一篇。", title="没有预算")
    drain(collection)
    save(collection, "等待", "这一篇还没有索引。", title="等待的文档")
    audit.audit_index(serving_index(collection))
    sources.start_import(collection, origin=ImportOrigin.UPLOAD)
    return collection


@pytest.mark.parametrize(
    "query", ["", "?q=向量", "?q=向量&年份__gte=2000", "?q=向量&年份__gte=3000", "?年份__lt=高", "?q=向量&page=9"]
)
def test_the_search_page_is_chinese_for_a_chinese_browser(library: Collection, client: Client, query: str) -> None:
    assert leftovers(client.get(f"/{query}", headers=BROWSER), "lt") == []


def test_a_document_page_is_chinese_for_a_chinese_browser(library: Collection, client: Client) -> None:
    for document in library.documents.all():
        assert leftovers(client.get(f"/documents/{document.public_id}/", headers=BROWSER)) == []


@pytest.mark.parametrize("query", ["", "?q=向量&plain=1", "?colour=年份&plain=1"])
@pytest.mark.parametrize("name", picture_views.PAGES)
def test_pictures_are_chinese_for_a_chinese_browser(
    library: Collection, client: Client, drain: Drain, name: str, query: str
) -> None:
    save(library, "同一篇", "向量索引让相似的段落排在一起。", title="向量索引")
    drain(library)
    path = f"/collections/手册/{name}/{query}"
    assert leftovers(client.get(path, headers=BROWSER)) == []
    pictures.make(serving_index(library))
    assert leftovers(client.get(path, headers=BROWSER), "JavaScript") == []


@pytest.mark.parametrize("path", ["/", "/login/", "/admin/login/", "/documents/none/"])
def test_a_site_without_anything_is_chinese_for_a_chinese_browser(db: None, client: Client, path: str) -> None:
    assert leftovers(client.get(path, headers=BROWSER)) == []


@pytest.mark.parametrize(
    "model", [Collection, Document, SourceFile, Import, VectorIndex, IndexEntry, IndexAudit, TrailRecord, Usage, Budget]
)
def test_lists_of_the_admin_are_chinese_for_a_chinese_browser(
    library: Collection, admin_client: Client, model: type[Model]
) -> None:
    assert leftovers(admin_client.get(list_page(model), headers=BROWSER), f"{USER} default") == []


@pytest.mark.parametrize("model", [Collection, Document, Import, IndexEntry, EmbeddingProfile, Budget])
def test_object_pages_of_the_admin_are_chinese_for_a_chinese_browser(
    library: Collection, admin_client: Client, model: type[Model]
) -> None:
    for row in model._default_manager.all():
        assert leftovers(admin_client.get(page(row), headers=BROWSER), f"{USER} EMBEDDERS meaningless hash") == []


def test_what_is_said_of_indexes_and_their_upkeep_is_chinese_for_a_chinese_browser(
    library: Collection, admin_client: Client
) -> None:
    index = serving_index(library)
    beside = services.start_rebuild(library, profile=index.profile, chunk_size=100, activate=False)
    VectorStoreStatus.objects.create(
        alias="散库", paused_until=timezone.now() + timedelta(minutes=5), pause_reason="坏"
    )
    IndexAudit.objects.create(
        index=index,
        started_at=timezone.now(),
        finished_at=timezone.now(),
        report={"findings": dict.fromkeys(audit.FINDING_LABELS, 1), "repaired": {"collection_lost": 1}},
    )
    pages = [page(index), page(index, "repair"), page(beside), page(beside, "switch"), page(beside, "drop")]
    pages += [page(physical) for physical in PhysicalCollection.objects.all()]
    pages += [page(library), page(library, "rebuild"), list_page(IndexAudit), list_page(VectorStoreStatus)]
    names = " ".join(PhysicalCollection.objects.values_list("name", flat=True))
    for path in pages:
        assert (path, leftovers(admin_client.get(path, headers=BROWSER), f"{USER} {names} default")) == (path, [])


def test_comparisons_of_profiles_are_chinese_for_a_chinese_browser(library: Collection, admin_client: Client) -> None:
    other = profiles.create_profile("另一个", backend="meaningless", options={"dimensions": 48})
    both = [serving_index(library).profile, other]
    judged = [JudgedQuestion("一", "相似的段落", {"索引": 1.0, "缺": 1.0})]
    wish = comparison.Wish(collection=library, profiles=both, questions=judged, questions_name="标注")
    comparison.compare(wish)
    comparison.stop(comparison.ask(wish), reason="停")
    comparison.ask(wish)
    known = f"{USER} nDCG MRR RBO JSON Lines id text relevant"
    pages = [page(row) for row in ProfileComparison.objects.all()]
    for path in [*pages, list_page(ProfileComparison), "/admin/collections_app/profilecomparison/add/"]:
        assert (path, leftovers(admin_client.get(path, headers=BROWSER), known)) == (path, [])


def test_the_health_page_has_a_chinese_name_for_each_part_of_the_site() -> None:
    with override("zh-hans"):
        names = {name: str(label) for name, label in PARTS.items()}
    assert (set(names), [label for label in names.values() if _latin(label)]) == ({check.name for check in CHECKS}, [])


@pytest.mark.parametrize(
    "path", ["", *(f"collections_app/{form}/" for form in ("collection/add", "document/add", "sourcefile/upload"))]
)
def test_forms_and_the_first_page_of_the_admin_are_chinese_for_a_chinese_browser(
    library: Collection, admin_client: Client, path: str
) -> None:
    with override("zh-hans"):
        kinds = str(KINDS)
    assert leftovers(admin_client.get(f"/admin/{path}", headers=BROWSER), f"{USER} {kinds}") == []


def test_the_form_for_uploads_names_the_kinds_of_files_that_are_read() -> None:
    assert str(KINDS) == SUPPORTED
