"""What was written and what was answered, with the times of sending and of hearing back, on one monotonic clock."""

import json
import threading
import time
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path

Text = str | None
"""What a document holds; None when it is not there."""


@dataclass(slots=True)
class Write:
    """A document was to become `text`. `done` is None while nobody acknowledged it: it may have happened or not."""

    key: str
    text: Text
    sent: float
    done: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reader was told. `hits` are (key of the document, passage); `key` is whose text was asked for."""

    sent: float
    answered: float
    question: str
    key: str
    hits: tuple[tuple[str, str], ...] = ()
    degraded: tuple[str, ...] = ()
    error: str = ""
    unreachable: bool = False


@dataclass(slots=True)
class Journal:
    """One experiment's writes and answers, kept in memory and line by line in `folder`."""

    folder: Path
    answers: list[Answer] = field(default_factory=list)
    _writes: dict[str, list[Write]] = field(default_factory=lambda: defaultdict(list))
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    # --- writing ----------------------------------------------------------------------------------------------

    def sent(self, key: str, text: Text) -> Write:
        """Note a write before it is sent."""
        write = Write(key, text, time.monotonic())
        with self._lock:
            self._writes[key].append(write)
        self._keep("writes", {"sent": write.sent, "key": key, "text": text})
        return write

    def done(self, write: Write) -> None:
        """Note that a write was acknowledged."""
        write.done = time.monotonic()
        self._keep("writes", {"done": write.done, "key": write.key, "sent": write.sent})

    def answered(self, answer: Answer) -> None:
        with self._lock:
            self.answers.append(answer)
        self._keep("answers", asdict(answer))

    def _keep(self, name: str, line: dict[str, object]) -> None:
        with self._lock, (self.folder / f"{name}.jsonl").open("a") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")

    # --- reading ----------------------------------------------------------------------------------------------

    def known(self) -> list[str]:
        with self._lock:
            return list(self._writes)

    def writes(self, key: str) -> list[Write]:
        with self._lock:
            return list(self._writes.get(key, ()))

    def latest(self, key: str) -> Text:
        """What was last acknowledged."""
        return next((write.text for write in reversed(self.writes(key)) if write.done is not None), None)

    def possible(self, key: str, start: float, end: float) -> set[Text]:
        """Return all that the document may have held at some time from `start` to `end`.

        A write may be in force from when it was sent, and surely is from when it was acknowledged, until the next one.
        One that nobody acknowledged may or may not have happened.
        """
        held: set[Text] = {None}
        for write in self.writes(key):
            if write.sent > end:
                break
            if write.done is not None and write.done <= start:
                held = set()
            held.add(write.text)
        return held
