"""The documentation of the standard library that these tests run on."""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from collections_app.chunking import embedding_input
from collections_app.demo import DemoDocument, standard_library
from collections_app.embeddings.local import LocalEmbedder

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def documents() -> dict[str, DemoDocument]:
    found = list(standard_library.read())
    by_key = {document.key: document for document in found}
    assert len(by_key) == len(found)
    return by_key


@pytest.mark.slow
def test_the_whole_library_is_described(documents: dict[str, DemoDocument]) -> None:
    kinds = Counter(document.metadata["kind"] for document in documents.values())

    assert len(documents) > 5_000
    assert set(kinds) == {"module", "class", "exception", "function", "method", "property"}
    assert min(kinds.values()) > 150
    assert all(document.text.strip() and document.title for document in documents.values())
    assert {(document.markup, document.language) for document in documents.values()} == {("plain", "en")}


def test_a_function_is_described_as_people_call_it(documents: dict[str, DemoDocument]) -> None:
    compress = documents["gzip.compress"]

    assert compress.title == "gzip.compress(data, compresslevel=9, *, mtime=None)"
    assert compress.text.startswith("Compress data in one shot and return the compressed")
    assert compress.metadata["line"] > 100
    assert compress.metadata["lines"] > 5
    assert {name: value for name, value in compress.metadata.items() if not name.startswith("line")} == {
        "kind": "function",
        "module": "gzip",
        "package": "gzip",
        "implementation": "Python",
        "deprecated": False,
        "has_example": False,
        "is_async": False,
        "parameters": 3,
    }


def test_a_short_module_says_what_it_contains(documents: dict[str, DemoDocument]) -> None:
    text = documents["gzip"].text

    assert text.startswith("Functions that read and write gzipped files.")
    assert "compress: Compress data in one shot and return the compressed" in text
    assert documents["pathlib"].metadata["kind"] == "module"
    assert "PurePath: Base class for manipulating paths without I/O." in documents["pathlib"].text


@pytest.mark.parametrize(
    ("key", "facts"),
    [
        ("zlib.compress", {"implementation": "C", "kind": "function"}),
        ("bz2.BZ2Compressor", {"implementation": "C", "kind": "class"}),
        ("builtins.list.sort", {"implementation": "C", "kind": "method", "parameters": 2}),
        ("os.path.splitext", {"module": "os.path", "package": "os", "parameters": 1}),
        ("os.listdir", {"implementation": "C", "module": "os"}),
        ("random.choice", {"kind": "function", "parameters": 1}),
        ("unittest.TestCase.assertEqual", {"kind": "method", "parameters": 3}),
        ("collections.abc.Mapping", {"kind": "class", "module": "collections.abc"}),
        ("concurrent.futures.ProcessPoolExecutor", {"kind": "class", "bases": ["_base.Executor"]}),
        ("json.JSONDecodeError", {"kind": "exception", "bases": ["ValueError"]}),
        ("threading.Thread.setDaemon", {"kind": "method", "deprecated": True}),
        ("statistics.median", {"kind": "function", "has_example": True}),
        ("asyncio.Queue.get", {"kind": "method", "is_async": True}),
        ("pathlib.PurePath.suffix", {"kind": "property", "decorators": ["property"]}),
        ("io.IOBase.readline", {"implementation": "C", "kind": "method"}),
        ("signal.signal", {"implementation": "Python", "kind": "function"}),
        ("csv.reader", {"implementation": "C", "kind": "function"}),
        ("tarfile.open", {"kind": "function"}),
    ],
)
def test_things_are_found_under_the_names_people_know(
    documents: dict[str, DemoDocument], key: str, facts: dict[str, object]
) -> None:
    metadata = documents[key].metadata
    assert {name: metadata.get(name) for name in facts} == facts


def test_nothing_private_nothing_twice_and_no_tests_are_described(documents: dict[str, DemoDocument]) -> None:
    modules = {document.metadata["module"] for document in documents.values()}
    packages = {document.metadata["package"] for document in documents.values()}

    assert {module for module in modules if re.search(r"(^|\.)_[^_]|\btests?\b", module)} == set()
    assert packages.isdisjoint(
        {"test", "this", "antigravity", "idlelib", "lib2to3", "turtledemo", "posixpath", "posix"}
    )
    assert "unittest.case.TestCase" not in documents
    assert "random.Random.choice" not in documents


def test_titles_fit_on_a_line(documents: dict[str, DemoDocument]) -> None:
    too_long = [document.title for document in documents.values() if len(document.title) > len(document.key) + 100]
    assert too_long == []
    assert documents["builtins.sorted"].title == "sorted(iterable, /, *, key=None, reverse=False)"
    assert re.fullmatch(r"subprocess\.Popen\(args, bufsize=-1, .*…\)", documents["subprocess.Popen"].title)


def test_metadata_holds_only_what_a_field_can_hold(documents: dict[str, DemoDocument]) -> None:
    types = {
        "kind": str, "module": str, "package": str, "implementation": str, "deprecated": bool, "has_example": bool,
        "is_async": bool, "line": int, "lines": int, "parameters": int, "bases": list, "decorators": list,
    }  # fmt: skip
    for document in documents.values():
        assert document.metadata.keys() <= types.keys()
        assert all(type(value) is types[name] for name, value in document.metadata.items()), document.key


READ_AND_REPORT = """
import sys
before = set(sys.modules)
from collections_app.demo import standard_library
for document in standard_library.read():
    print(ascii(document))
print(*sorted(set(sys.modules) - before))
"""


def test_reading_is_repeatable_and_imports_no_module_for_its_documentation(documents: dict[str, DemoDocument]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", READ_AND_REPORT],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": "12345"},
        capture_output=True,
        text=True,
        check=True,
    )
    *printed, imported = done.stdout.splitlines()

    assert done.stderr == ""
    assert "collections_app.demo.standard_library" in imported.split()
    assert set(imported.split()).isdisjoint(
        {"turtle", "tkinter", "this", "antigravity", "idlelib", "readline", "pydoc"}
    )
    # pytest puts hooks of its own into sys.
    here = [ascii(document) for document in documents.values() if document.metadata["package"] != "sys"]
    assert [line for line in printed if "'package': 'sys'" not in line] == here


def test_without_its_source_the_library_is_read_as_far_as_it_is_written_in_c(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = {document.key: document for document in standard_library.read(tmp_path)}

    assert {"builtins.sorted", "zlib.compress", "math"} <= found.keys()
    assert {document.metadata["implementation"] for document in found.values()} == {"C"}
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert f"There is no Python source in {tmp_path}" in caplog.text
    assert "Install Python with its library's source" in caplog.text


QUESTIONS = {
    "how do I compress a file": {"gzip", "zlib", "bz2", "lzma", "zipfile", "tarfile"},
    "parse command line arguments": {"argparse"},
    "run code in parallel processes": {"multiprocessing"},
    "sort a list by a key": {"builtins"},
    "read a csv file": {"csv"},
}


@pytest.mark.slow
def test_plain_questions_find_the_modules_that_answer_them(documents: dict[str, DemoDocument]) -> None:
    answers = set().union(*QUESTIONS.values())
    searched = [
        document
        for number, document in enumerate(documents.values())
        if document.metadata["package"] in answers or number % 10 == 0
    ]
    embedder = LocalEmbedder()
    vectors = np.asarray(
        embedder.embed_passages([embedding_input(each.title, {}, each.text[:1000]) for each in searched])
    )
    for question, expected in QUESTIONS.items():
        nearest = np.argsort(-(vectors @ embedder.embed_query(question)))[:10]
        assert expected <= {searched[number].metadata["package"] for number in nearest}, question
