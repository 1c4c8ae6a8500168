"""`manage.py ingest`: folders and tables become documents that can be found; what did not change costs nothing."""

import json
import re
from pathlib import Path

import pytest

from tests.site.visitor import Visitor
from tests.site_process import SiteProcess

FERRIES = "# Ferries\n\nThe ferry crosses the strait every hour.\n"
IN_CHINESE = "灯塔的光每十二秒闪一次。这份文件用国标编码保存，用来检验编码是否被正确识别。"
FAILURES = [
    "  failed: harbour/broken.pdf: This PDF is damaged or incomplete. Open it in a PDF viewer; if that works, print it "
    "to a new PDF and upload that.",
    "  failed: harbour/empty.txt: The file is empty (0 bytes). Check the original and upload it again.",
]


@pytest.fixture(scope="module")
def harbour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files of several kinds, one of them damaged and one empty."""
    folder = tmp_path_factory.mktemp("files") / "harbour"
    (folder / "notes").mkdir(parents=True)
    (folder / "ferries.md").write_text(FERRIES)
    (folder / "notes" / "lighthouse.txt").write_bytes(IN_CHINESE.encode("gbk"))
    (folder / "compass.html").write_text(
        "<title>Compass</title><nav>Home</nav><h1>Compass</h1><p>A compass needle points north.</p>"
    )
    (folder / "jobs.csv").write_text("job,hours\nnet mending,3\nrope splicing,2\n")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4\nnothing of a PDF follows")
    (folder / "empty.txt").touch()
    return folder


@pytest.fixture(scope="module")
def first_words(site: SiteProcess, harbour: Path) -> list[str]:
    """What the command says when the folder is taken for the first time."""
    return _ingest(site, harbour, collection="Harbour", status=1)


def test_a_folder_is_taken_whole_and_what_cannot_be_read_is_failed_with_its_reason(
    first_words: list[str], visitor: Visitor
) -> None:
    assert first_words == [
        "Made the collection 'Harbour' (slug harbour).",
        "Harbour: 4 documents taken, 0 updated, 0 unchanged, 0 removed; 2 failed.",
        *FAILURES,
        "4 passages were embedded.",
    ]
    assert visitor.search("ferry strait hour", "harbour")[0].passage.startswith(
        "# Ferries The ferry crosses the strait"
    )
    assert visitor.search("灯塔的光", "harbour")[0].passage == IN_CHINESE
    assert visitor.search("compass needle", "harbour")[0].passage.endswith("A compass needle points north.")
    assert visitor.search("net mending", "harbour")[0].title == "jobs"


@pytest.mark.usefixtures("first_words")
@pytest.mark.slow
def test_the_second_time_only_what_changed_is_read_and_embedded(
    site: SiteProcess, visitor: Visitor, harbour: Path
) -> None:
    assert _ingest(site, harbour, collection="Harbour", status=1) == [
        "Harbour: 0 documents taken, 0 updated, 4 unchanged, 0 removed; 2 failed.",
        *FAILURES,
        "Nothing changed.",
        "Nothing was embedded.",
    ]
    (harbour / "ferries.md").write_text(f"{FERRIES}\nSince May it carries bicycles.\n")
    assert _ingest(site, harbour, collection="Harbour", status=1) == [
        "Harbour: 0 documents taken, 1 updated, 3 unchanged, 0 removed; 2 failed.",
        *FAILURES,
        "1 passages were embedded.",
    ]
    assert visitor.search("carries bicycles", "harbour")[0].passage.endswith("Since May it carries bicycles.")
    assert _is_in_step(site, "harbour", documents=4, chunks=4)


def test_columns_of_a_table_become_text_title_key_and_filters(
    site: SiteProcess, visitor: Visitor, tmp_path: Path
) -> None:
    books = tmp_path / "books.csv"
    books.write_text("nr,name,summary,year\nb1,Kelp,Forests of kelp sway,1999\nb2,Dunes,Sand moves with wind,2004\n")
    columns = ("--text-field", "summary", "--title-field", "name", "--key-field", "nr")
    _ingest(site, books, *columns, collection="Books")
    assert visitor.titles("wind", "books") == ["Dunes", "Kelp"]
    assert visitor.titles("wind", "books", year__lt="2000") == ["Kelp"]
    more = tmp_path / "more.jsonl"
    more.write_text(_lines({"nr": "b2", "name": "Dunes", "summary": "Sand moves with water too", "year": 2005}))
    assert _ingest(site, more, *columns, collection="Books")[0] == (
        "Books: 0 documents taken, 1 updated, 0 unchanged, 0 removed; 0 failed."
    )
    (dunes,) = visitor.search("sand", "books", year="2005")
    assert (dunes.title, dunes.passage) == ("Dunes", "Sand moves with water too")


@pytest.mark.slow
def test_cells_with_several_values_are_filtered_by_each(site: SiteProcess, visitor: Visitor, tmp_path: Path) -> None:
    boats = tmp_path / "boats.csv"
    boats.write_text("nr,text,rigs\n1,A boat for all winds,sloop; ketch\n2,A boat for none,raft\n")
    columns = ("--text-field", "text", "--key-field", "nr", "--list-field", "rigs=;")
    _ingest(site, boats, *columns, collection="Boats")
    assert visitor.titles("boat", "boats", rigs="ketch") == ["A boat for all winds"]


def test_a_row_whose_metadata_does_not_fit_fails_alone(site: SiteProcess, visitor: Visitor, tmp_path: Path) -> None:
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    first.write_text(_lines({"id": "s1", "text": "A schooner has two masts", "year": 1850}))
    second.write_text(
        _lines({"id": "s2", "text": "A sloop has one mast", "year": "long ago"})
        + _lines({"id": "s3", "text": "A yawl has a small aft mast", "year": 1902})
    )
    columns = ("--text-field", "text", "--key-field", "id")
    _ingest(site, first, *columns, collection="Ships")
    summary, failure, *_ = _ingest(site, second, *columns, collection="Ships", status=1)
    assert summary == "Ships: 1 documents taken, 0 updated, 0 unchanged, 0 removed; 1 failed."
    assert failure.startswith("  failed: second.jsonl#s2: ")
    assert "long ago" in failure
    assert sorted(visitor.titles("mast", "ships")) == ["A schooner has two masts", "A yawl has a small aft mast"]


@pytest.mark.slow
def test_a_column_that_the_table_does_not_have_is_an_error_that_lists_those_it_has(
    site: SiteProcess, visitor: Visitor, tmp_path: Path
) -> None:
    table = tmp_path / "tides.csv"
    table.write_text("place,height\nDover,6\n")
    assert _ingest(site, table, "--text-field", "palce", collection="Tides", status=1) == [
        "Made the collection 'Tides' (slug tides).",
        "Tides: 0 documents taken, 0 updated, 0 unchanged, 0 removed; 1 failed.",
        "  failed: tides.csv: The table has no column 'palce'. Its columns are: 'place', 'height'.",
        "Nothing changed.",
        "Nothing was embedded.",
    ]
    assert visitor.titles("Dover", "tides") == []


def _lines(*rows: dict[str, object]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def _ingest(site: SiteProcess, path: Path, *options: str, collection: str, status: int = 0) -> list[str]:
    """Run the command, and return what it says in the end: nothing of progress and of seconds."""
    ran = site.manage("ingest", str(path), "--collection", collection, *options)
    assert ran.returncode == status, ran.stderr
    return [line for line in ran.stdout.splitlines() if not re.match(r"(reading|embedding): |It took ", line)]


def _is_in_step(site: SiteProcess, slug: str, *, documents: int, chunks: int) -> bool:
    ran = site.manage("check_index", slug, "--deep", "--wait")
    counts = rf"{documents} documents, 0 failed; {chunks} live chunks in SQL, {chunks} ids in \S+: in step"
    return ran.returncode == 0 and bool(re.search(counts, ran.stdout))
