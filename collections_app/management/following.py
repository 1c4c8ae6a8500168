"""Waiting in a terminal for what the workers do."""

import time
from collections.abc import Callable
from contextlib import closing

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from collections_app.broker import BrokerUnavailable, answering_workers

# A worker that is there begins within a second or two; beyond this nobody is.
NOBODY_SECONDS = 20.0
POLL_SECONDS = 0.5
LINE_SECONDS = 5.0


def follow(command: BaseCommand, label: str, unit: str, total: int, count: Callable[[], int]) -> None:
    """Show how a count falls to zero; give up with a hint when nobody works on it."""
    left = count()
    if not left:
        return
    last_change, last_line = time.monotonic(), 0.0
    with closing(tqdm(total=total, initial=max(0, total - left), desc=label, unit=unit, disable=None)) as bar:
        while left:
            time.sleep(POLL_SECONDS)
            now, before = time.monotonic(), left
            left = count()
            bar.update(max(0, total - left) - bar.n)
            if left != before:
                last_change = now
            if bar.disable and now - last_line > LINE_SECONDS:
                command.stdout.write(f"{label}: {total - left:,} of {total:,} {unit}s")
                command.stdout.flush()
                last_line = now
            if now - last_change > NOBODY_SECONDS and not _workers_answer():
                raise CommandError(
                    "No worker is running. All is stored: start the site (make run) and it goes on by itself."
                )


def _workers_answer() -> bool:
    try:
        return bool(answering_workers())
    except BrokerUnavailable:
        return False
