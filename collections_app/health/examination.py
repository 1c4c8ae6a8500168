"""Running checks: all at once, each in a thread and with a database connection of its own, none for ever."""

import logging
import threading
import time
from collections.abc import Iterable, Sequence

from django.db import DatabaseError, InterfaceError, connections
from django.utils import translation
from django.utils.translation import gettext as _

from collections_app.health.finding import Check, Finding, Result, error
from collections_app.reasons import explained

logger = logging.getLogger(__name__)

# What was given up and still hangs: it is not begun again beside itself, however often somebody asks.
_hanging: dict[Check, "_Look"] = {}


class _Look(threading.Thread):
    """One check at work. It is a daemon, so that what hangs does not keep the process alive."""

    def __init__(self, check: Check) -> None:
        super().__init__(name=f"check {check.name}", daemon=True)
        self.check = check
        self.findings: Sequence[Finding] = ()
        self._language = translation.get_language()

    def run(self) -> None:
        with translation.override(self._language):
            try:
                self.findings = list(self.check.look())
            except (DatabaseError, InterfaceError) as failure:
                self.findings = [_refused(failure)]
            except Exception as failure:
                logger.exception("The check %s failed", self.check.name)
                self.findings = [_failed(failure)]
            finally:
                connections.close_all()


def examine(checks: Iterable[Check], *, seconds: float | None = None) -> list[Result]:
    """Return what the checks find, in their order. None of them takes longer than its own time, or than `seconds`."""
    began = time.monotonic()
    looks = [_begin(check) for check in checks]
    results: list[Result] = []
    for look in looks:
        limit = min(look.check.seconds, seconds or look.check.seconds)
        look.join(max(0.0, began + limit - time.monotonic()))
        if look.is_alive():
            _hanging[look.check] = look
            findings: Sequence[Finding] = [_too_slow(limit)]
        else:
            _hanging.pop(look.check, None)
            findings = look.findings
        results += [Result(look.check.name, finding) for finding in findings]
    return results


def _begin(check: Check) -> _Look:
    hanging = _hanging.get(check)
    if hanging and hanging.is_alive():
        return hanging
    look = _Look(check)
    look.start()
    return look


def _too_slow(seconds: float) -> Finding:
    return error(
        _("It could not be looked at within %(seconds)d seconds.") % {"seconds": seconds},
        _("See whether the server that it needs hangs or is overloaded, then look again."),
    )


def _refused(failure: Exception) -> Finding:
    return error(
        _("The database gave no answer: %(error)s.") % {"error": str(failure).strip().rstrip(".")},
        _("Begin with what is said of the database and of its migrations."),
    )


def _failed(failure: Exception) -> Finding:
    return error(
        _("It could not be looked at (%(error)s).") % {"error": f"{type(failure).__name__}: {explained(failure)}"},
        _("This is a defect of the check; the log has the details."),
    )
