"""What was wrong with the answers that readers got, by the journal alone.

Three rules; the times are those of one clock, `sent` and `answered` those of the question.

* **Nothing stale.** A passage shown for a document has to be in a text that the document may have held at some time
  from sent to answered. A deleted document held nothing from the acknowledgement of its deletion on; an edited one held
  the older text until at most the acknowledgement of the edit. A write that nobody acknowledged counts as both.
* **Nothing missing.** A passage that was *seen* in an answer to an earlier question was live at some time while that
  question was on its way. A site that keeps its promise keeps it live as long as the document holds it: an edit retires
  only what the new text lacks, and a flip replaces a passage by its equal in one transaction. So if the document held
  the passage in every text that it may have had from when that earlier question was sent until this one, which asks
  for this very passage, is answered, then the document has to be in the answer. A degraded answer is excused only when
  it says that it could not compare by meaning, or not everything.
* **No errors.** Every answer is one. A site that could not be reached is excused while the experiment had taken the web
  process away.
"""

from collections.abc import Sequence

from tests.chaos.journal import Answer, Journal

_EXCUSES = {"partial", "embedder_down", "embedder_paused", "embedder_failed"}
Interval = tuple[float, float]


class Examiner:
    """Examines answers in the order in which they came, once each."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._examined = 0
        # When the question was sent whose answer last showed this passage of this document.
        self._seen: dict[tuple[str, str], Interval] = {}
        self.must_match = 0

    def examine(self, *, before: float, web_away: Sequence[Interval] = ()) -> list[str]:
        """Return what is wrong with the answers not examined yet that were given before that time."""
        wrong: list[str] = []
        answers = self._journal.answers
        while self._examined < len(answers) and answers[self._examined].answered < before:
            answer = answers[self._examined]
            self._examined += 1
            if answer.error:
                wrong += self._errors(answer, web_away)
                continue
            wrong += [*self._stale(answer), *self._missing(answer)]
            self._see(answer)
        return wrong

    def _errors(self, answer: Answer, web_away: Sequence[Interval]) -> list[str]:
        if answer.unreachable and any(start <= answer.answered and answer.sent <= end for start, end in web_away):
            return []
        return [f"error: {answer.error} (asked for {answer.key!r} at {answer.sent:.3f})"]

    def _stale(self, answer: Answer) -> list[str]:
        wrong = []
        for key, passage in answer.hits:
            held = self._journal.possible(key, answer.sent, answer.answered)
            if any(text is not None and passage in text for text in held):
                continue
            what = "a deleted document" if held == {None} else "a passage that the document no longer held"
            wrong.append(f"stale: {what}: {key!r} {passage[:60]!r} (sent {answer.sent:.3f})")
        return wrong

    def _missing(self, answer: Answer) -> list[str]:
        seen = self._seen.get((answer.key, answer.question))
        if seen is None or seen[1] > answer.sent or _EXCUSES & set(answer.degraded):
            return []
        held = self._journal.possible(answer.key, seen[0], answer.answered)
        if any(text is None or answer.question not in text for text in held):
            return []
        self.must_match += 1
        if any(key == answer.key for key, _ in answer.hits):
            return []
        how = "an empty answer" if not answer.hits else "an answer without it"
        return [f"missing: {how}: {answer.key!r} {answer.question[:60]!r} (sent {answer.sent:.3f})"]

    def _see(self, answer: Answer) -> None:
        for key, passage in answer.hits:
            self._seen[key, passage] = (answer.sent, answer.answered)
