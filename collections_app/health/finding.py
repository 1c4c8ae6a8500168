"""What a check finds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.utils import timezone
from django.utils.translation import gettext as _


class Level(StrEnum):
    """`warning`: it works, and somebody should look. `error`: something does not work."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, and in a sentence what to do about it: "" when there is nothing to do."""

    level: Level
    found: str
    remedy: str = ""


def ok(found: str) -> Finding:
    return Finding(Level.OK, found)


def warning(found: str, remedy: str) -> Finding:
    return Finding(Level.WARNING, found, remedy)


def error(found: str, remedy: str) -> Finding:
    return Finding(Level.ERROR, found, remedy)


def start_private_server() -> str:
    """Return the remedy for a server that `manage.py up` starts by itself."""
    return _(
        "Run `manage.py up`, which starts it; if that runs, see its log, and kill the server if it hangs: it is "
        "started anew."
    )


@dataclass(frozen=True, slots=True)
class Check:
    """One part of the site. `look` may raise whatever it meets; it is given up after `seconds`."""

    name: str
    look: Callable[[], Iterable[Finding]]
    seconds: float = 8.0


@dataclass(frozen=True, slots=True)
class Result:
    """A finding of the check `name`."""

    name: str
    finding: Finding

    def as_json(self) -> dict[str, str]:
        return {
            "name": self.name,
            "level": self.finding.level.value,
            "found": self.finding.found,
            "remedy": self.finding.remedy,
        }


def age(delta: timedelta) -> str:
    """Return a length of time as people say it, in its largest unit."""
    seconds = max(0, round(delta.total_seconds()))
    for size, words in ((86400, _("%d days")), (3600, _("%d hours")), (60, _("%d minutes"))):
        if seconds >= 2 * size:
            return words % (seconds // size)
    return _("%d seconds") % seconds


def age_of(moment: datetime) -> str:
    return age(timezone.now() - moment)
