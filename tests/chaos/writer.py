"""A process that writes what it is told, over the site's public write interface: python -m tests.chaos.writer SLUG

It reads one JSON object per line, does it, and answers with one line. `Writer` is the other end and keeps the journal.
"""

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.chaos.journal import Journal, Text
from tests.site_process import REPOSITORY


class WriteFailed(AssertionError):
    """The site refused a write, or the writing process died."""


class Writer:
    """One writing process. Every write is in the journal before it is sent, and again when it was acknowledged."""

    def __init__(self, environment: Mapping[str, str], slug: str, journal: Journal, log: Path) -> None:
        self._journal = journal
        self._lock = threading.Lock()
        with log.open("a") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.writer", slug],
                cwd=REPOSITORY,
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def create_collection(self, *, sync_threshold: int, chunk_size: int) -> None:
        """Make the collection, its HNSW settings with it: the physical one may be made a moment later."""
        self._ask({"do": "create", "sync_threshold": sync_threshold, "chunk_size": chunk_size})

    def save(self, key: str, text: str) -> None:
        self.save_many({key: text})

    def save_many(self, texts: Mapping[str, str]) -> None:
        """Save documents in one call."""
        self._write({"do": "save", "documents": list(texts.items())}, list(texts.items()))

    def delete(self, key: str) -> None:
        self._write({"do": "delete", "key": key}, [(key, None)])

    def close(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            if self.process.stdin:
                self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _write(self, command: dict[str, Any], changes: Sequence[tuple[str, Text]]) -> None:
        with self._lock:
            writes = [self._journal.sent(key, text) for key, text in changes]
            self._exchange(command)
            for write in writes:
                self._journal.done(write)

    def _ask(self, command: dict[str, Any]) -> None:
        with self._lock:
            self._exchange(command)

    def _exchange(self, command: dict[str, Any]) -> None:
        assert self.process.stdin and self.process.stdout
        try:
            self.process.stdin.write(json.dumps(command) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if answer.strip() != "done":
            raise WriteFailed(f"{command['do']}: {answer.strip() or 'the writing process died'}")


def main(slug: str) -> None:
    """Do what standard input says until it ends."""
    import django

    django.setup()
    for line in sys.stdin:
        try:
            _do(slug, json.loads(line))
        except Exception as error:  # noqa: BLE001 - told to the other end, whose write then failed
            sys.stdout.write(f"{type(error).__name__}: {error}".replace("\n", " ") + "\n")
        else:
            sys.stdout.write("done\n")
        sys.stdout.flush()


def _do(slug: str, command: dict[str, Any]) -> None:
    from django.db import transaction

    from collections_app import services
    from collections_app.models import Collection, Document, VectorIndex

    match command["do"]:
        case "create":
            with transaction.atomic():
                made = services.create_collection(slug, slug=slug, chunk_size=command["chunk_size"])
                VectorIndex.objects.filter(collection=made).update(hnsw={"sync_threshold": command["sync_threshold"]})
        case "save":
            inputs = (services.DocumentInput(key=key, text=text) for key, text in command["documents"])
            for saved in services.save_documents(Collection.objects.get(slug=slug), inputs, priority=0):
                if saved.error:
                    raise saved.error
        case "delete":
            services.delete_documents(Document.objects.alive().filter(collection__slug=slug, key=command["key"]))


if __name__ == "__main__":
    main(sys.argv[1])
