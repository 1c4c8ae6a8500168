"""The documentation names functions, tests, files, headings, packages and variables that exist, the nav every page."""

import importlib
import re
from functools import cache, reduce
from importlib.util import find_spec
from pathlib import Path

import pytest
from django.core.management import BaseCommand, get_commands, load_command_class

from tests.test_imports import required
from vectorsite.settings import Environment

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("README*.md")), *sorted(DOCS.rglob("*.md"))]
FENCED = re.compile(r"^ *```.*?^ *```", re.M | re.S)


def _matches(page: Path, pattern: str) -> set[str]:
    return set(re.findall(pattern, page.read_text()))


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_of_the_documentation_lead_to_files_and_headings(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)", FENCED.sub("", page.read_text()))

    assert [f"{path}#{heading}" for path, heading in links if not _is_there(page.parent / path, page, heading)] == []


def _is_there(target: Path, page: Path, heading: str) -> bool:
    if target == page.parent:
        target = page
    return target.exists() and (not heading or target.suffix != ".md" or heading in _headings(target))


def _headings(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and the site make them."""
    titles = re.findall(r"(?m)^#+ (.+)$", FENCED.sub("", page.read_text()))
    return {
        re.sub(r"[^\w\- ]", "", re.sub(r"\]\([^)]*\)", "", title)).strip().lower().replace(" ", "-") for title in titles
    }


def test_every_page_is_in_the_nav_once_and_every_line_of_the_nav_is_a_page() -> None:
    nav = (ROOT / "mkdocs.yml").read_text().split("\nnav:\n")[1].split("\n\n")[0]
    listed = re.findall(r"(?m)^ +- (?:[^:#\n]+: )?(\S+\.md)$", nav)

    assert sorted(listed) == sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_a_page_has_one_title(page: Path) -> None:
    assert len(re.findall(r"(?m)^# ", FENCED.sub("", page.read_text()))) == 1


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_pictures_have_a_text_for_those_who_cannot_see_them(page: Path) -> None:
    assert re.findall(r"!\[\s*\]\([^)]*\)", page.read_text()) == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_commands_of_the_documentation_exist_with_their_options(page: Path) -> None:
    lines = page.read_text().replace("\\\n", " ")
    used = [
        (command, option)
        for command, arguments in re.findall(r"manage\.py ([a-z_]+)([^`\n]*)", lines)
        for option in ["--help", *re.findall(r"(?<= )--[a-z-]+", arguments)]
    ]

    assert [f"{command} {option}" for command, option in used if option not in _options(command)] == []


@cache
def _options(command: str) -> set[str]:
    """Return the options of a command of manage.py, none if there is no such command."""
    if command not in get_commands():
        return set()
    app = get_commands()[command]
    loaded = app if isinstance(app, BaseCommand) else load_command_class(app, command)
    return set(loaded.create_parser("manage.py", command)._option_string_actions)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_targets_of_make_that_the_documentation_names_exist(page: Path) -> None:
    named = set(re.findall(r"(?m)(?:`|^    (?:.*[ ])?)make ([a-z-]+)", page.read_text()))

    assert named <= set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text()))


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
    packages = required("requirements.in") | required("requirements-dev.in")
    packages |= required("requirements-docs.in") | required("requirements-bench.in")

    assert packages == _matches(ROOT / "docs/dependencies.md", r"(?m)^\| `([a-z0-9-]+)")


def test_each_environment_variable_is_explained() -> None:
    table = (ROOT / "README.md").read_text().split("## Configuration")[1].split("\n## ")[0]

    assert set(re.findall(r"`([A-Z]+[A-Z_]+)`", table)) - {"OPENAI_API_KEY"} == {
        name.upper() for name in Environment.model_fields
    }
