"""The documentation names functions, tests, files, packages and variables that exist."""

import importlib
import re
from functools import reduce
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.test_imports import required
from vectorsite.settings import Environment

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def _matches(page: Path, pattern: str) -> set[str]:
    return set(re.findall(pattern, page.read_text()))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_the_documentation_lead_to_files(page: Path) -> None:
    links = _matches(page, r"\]\((?!https?:)([^)#\s]+)")

    assert sorted(link for link in links if not (page.parent / link).exists()) == []


def test_functions_named_by_the_architecture_exist() -> None:
    named = _matches(ROOT / "docs/architecture.md", r"`([a-z_.]+:[A-Za-z_.]+)`")

    assert named
    assert sorted(name for name in named if not _exists(*name.split(":"))) == []


def _exists(module: str, attribute: str) -> bool:
    full = next((name for package in ("collections_app", "search_app") if find_spec(name := f"{package}.{module}")), "")
    if not full:
        return False
    try:
        reduce(getattr, attribute.split("."), importlib.import_module(full))
    except AttributeError:
        return False
    return True


def test_tests_named_by_the_architecture_exist() -> None:
    page = ROOT / "docs/architecture.md"
    files = {path.name: path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}

    assert _matches(page, r"`(test_\w+\.py)`") <= files.keys()
    assert _matches(page, r"`(test_\w+)`") <= set(re.findall(r"^def (test_\w+)", "\n".join(files.values()), re.M))


def test_each_package_has_its_reason() -> None:
    packages = required("requirements.in") | required("requirements-dev.in") | required("requirements-bench.in")

    assert packages == _matches(ROOT / "docs/dependencies.md", r"(?m)^\| `([a-z0-9-]+)")


def test_each_environment_variable_is_explained() -> None:
    table = (ROOT / "README.md").read_text().split("## Configuration")[1].split("\n## ")[0]

    assert set(re.findall(r"`([A-Z]+[A-Z_]+)`", table)) - {"OPENAI_API_KEY"} == {
        name.upper() for name in Environment.model_fields
    }
