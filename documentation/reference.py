"""The pages of `docs/` that are made from the code, so that they stay true: `make reference` writes them.

tests/test_reference_pages.py compares them with the code.
"""

import argparse
import os
import re
import sys
from importlib import import_module
from pathlib import Path

import django
from annotated_types import Ge, Gt, Le
from django.core.management.base import BaseCommand, DjangoHelpFormatter
from pydantic.fields import FieldInfo

DOCS = Path(__file__).parents[1] / "docs"
# The apps whose commands are the site's own; Django's are told on its pages.
_APPS = ("collections_app", "search_app")

_COMMANDS = """\
# Commands

<!-- Made from the commands' own --help: change it there, then `make reference`. -->

`.venv/bin/python manage.py NAME --help` prints the same. Each command works with the environment of the site that it
is about: give it the same [variables](environment.md), `VAR_DIR` above all. Besides there are Django's own; useful
here are
[`changepassword`](https://docs.djangoproject.com/en/5.2/ref/django-admin/#changepassword),
[`createsuperuser`](https://docs.djangoproject.com/en/5.2/ref/django-admin/#createsuperuser) and
[`migrate`](https://docs.djangoproject.com/en/5.2/ref/django-admin/#migrate).
"""

_ENVIRONMENT = """\
# Environment variables

<!-- Made from the class Environment in vectorsite/settings.py: change it there, then `make reference`. -->

All configuration is environment, read once, when a process starts. A value that cannot be used stops the start with a
sentence that says why. Lists are separated by commas, an empty value is none. For `make run` put variables in front or
behind: `PORT=8001 make run`, `make run PORT=8001`.

What is a folder or a server of its own unless you name one is described in [operations.md](operations.md), models in
[embeddings.md](embeddings.md), keys and their exchange in [embeddings.md](embeddings.md#keys).

| variable | default | values | |
|---|---|---|---|
"""


def commands_page() -> str:
    """Return the Markdown of docs/commands.md: what each command of the site does and takes. Needs django.setup()."""
    return "\n".join([_COMMANDS, *(_section(name, command) for name, command in sorted(_commands().items()))])


def environment_page() -> str:
    """Return the Markdown of docs/environment.md: each variable with its default, the values it takes, and its use."""
    from vectorsite.settings import BASE_DIR, Environment

    rows = []
    for name, field in Environment.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if isinstance(default, Path):
            default = default.relative_to(BASE_DIR)
        rows.append(f"| `{name.upper()}` | {_written(default)} | {_values(field)} | {field.description} |\n")
    return _ENVIRONMENT + "".join(rows)


def write(folder: Path = DOCS) -> None:
    """Write both pages into `folder`."""
    (folder / "commands.md").write_text(commands_page(), encoding="utf-8")
    (folder / "environment.md").write_text(environment_page(), encoding="utf-8")


def _commands() -> dict[str, BaseCommand]:
    commands = {}
    for app in _APPS:
        folder = import_module(f"{app}.management.commands")
        for path in Path(folder.__path__[0]).glob("[a-z]*.py"):
            commands[path.stem] = import_module(f"{folder.__name__}.{path.stem}").Command()
    return commands


def _section(name: str, command: BaseCommand) -> str:
    parser = command.create_parser("manage.py", name)
    common = {action.dest for action in BaseCommand().create_parser("manage.py", "").__dict__["_actions"]}
    # Of argparse's parts, its actions alone are the same in all versions of Python; what it prints is not.
    actions = [action for action in parser.__dict__["_actions"] if action.dest not in common]
    formatter = DjangoHelpFormatter(parser.prog)
    rows = [
        f"| {_spelling(action)} | {_cell(formatter._expand_help(action) if action.help else '')} |"
        for action in actions
    ]
    table = ["| | |", "|---|---|", *rows, ""] if rows else []
    return "\n".join([f"## {name}", "", f"{_synopsis(name, actions)}", "", _text(command.help), "", *table])


def _synopsis(name: str, actions: list[argparse.Action]) -> str:
    parts = ["manage.py", name]
    positional = [_value(action) for action in actions if not action.option_strings]
    parts += [
        f"{option.option_strings[-1]} {_value(option)}"
        for option in actions
        if option.option_strings and option.required
    ]
    if any(action.option_strings and not action.required for action in actions):
        parts.append("[options]")
    return "    " + " ".join(parts + positional)


def _value(action: argparse.Action) -> str:
    name = str(action.metavar or action.dest.upper())
    if action.choices is not None:
        name = "|".join(str(choice) for choice in action.choices)
    if action.option_strings:
        return name
    return {"?": f"[{name}]", "*": f"[{name} …]", "+": f"{name} […]"}.get(str(action.nargs), name)


def _spelling(action: argparse.Action) -> str:
    if not action.option_strings:
        return f"`{_cell(_value(action))}`"
    takes = "" if action.nargs == 0 else f" {_value(action)}"
    required = ", required" if action.required else ""
    return f"`{_cell(action.option_strings[-1] + takes)}`{required}"


def _text(help_text: str) -> str:
    return re.sub(r"\s+", " ", help_text).strip()


def _cell(text: str) -> str:
    """Return `text` as it stands in a table, where a bar would end the cell."""
    return _text(text).replace("|", r"\|")


def _written(value: object) -> str:
    """Return a default as one would write it into the environment."""
    if value in ("", []):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"`{value}`"


def _values(field: FieldInfo) -> str:
    kinds = {bool: "`true`, `false`", int: "whole number", float: "number", Path: "folder", str: "text"}
    kind = kinds.get(field.annotation, "list") if isinstance(field.annotation, type) else "list"
    limits = []
    for bound in field.metadata:
        match bound:
            case Gt(gt=least):
                limits.append(f"above {least}")
            case Ge(ge=least):
                limits.append(f"from {least}")
            case Le(le=greatest):
                limits.append(f"to {greatest}")
    return " ".join([kind, *limits])


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vectorsite.settings")
    django.setup()
    write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
