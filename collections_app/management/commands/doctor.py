import json
import textwrap
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from collections_app.health import CHECKS, Level, Result, examine

_SIGNS = {Level.OK: "ok", Level.WARNING: "warning", Level.ERROR: "ERROR"}
_WIDTH = 80


class Command(BaseCommand):
    help = (
        "Look at every part of the site, and say what is wrong and what to do about it. It works beside the running "
        "site as well as while it is stopped, with the same VAR_DIR and settings. With --json, one object is printed: "
        "status (ok, warning or error) and checks, a list of name, level, found and remedy. The exit status is 1 when "
        "something does not work."
    )
    # What these would find is among what the doctor finds.
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON instead of text")

    def handle(self, *args: Any, **options: Any) -> None:
        results = examine(CHECKS)
        worst = max((result.finding.level for result in results), key=list(Level).index)
        if options["json"]:
            report = {"status": worst, "checks": [result.as_json() for result in results]}
            self.stdout.write(json.dumps(report, ensure_ascii=False, indent=2))
        else:
            for result in results:
                self._print(result)
        if worst is Level.ERROR:
            names = ", ".join(dict.fromkeys(result.name for result in results if result.finding.level is Level.ERROR))
            raise CommandError(f"Something does not work: {names}.", returncode=1)

    def _print(self, result: Result) -> None:
        level, finding = result.finding.level, result.finding
        style = {Level.OK: self.style.SUCCESS, Level.WARNING: self.style.WARNING, Level.ERROR: self.style.ERROR}[level]
        margin = " " * 20
        remedy = textwrap.wrap(finding.remedy, _WIDTH, initial_indent="-> ", subsequent_indent="   ")
        first, *rest = [*textwrap.wrap(finding.found, _WIDTH), *remedy]
        self.stdout.write(f"{result.name:<11}{style(f'{_SIGNS[level]:<9}')}{first}")
        for line in rest:
            self.stdout.write(margin + line)
