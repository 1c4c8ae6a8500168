"""One comparison from the wish to the report: asked for, worked under a lease, kept."""

import logging
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce, Now

from collections_app.comparison.contestant import Contestant, require_usable
from collections_app.comparison.material import Material, gather
from collections_app.comparison.report import Report, report_of
from collections_app.evaluation.judged import JudgedQuestion
from collections_app.exceptions import InvalidEvaluation, LeaseLost, VectorsiteError
from collections_app.ledger import in_future
from collections_app.models import Collection, EmbeddingProfile, ProfileComparison, User
from collections_app.trail import record

logger = logging.getLogger(__name__)

# nDCG and MRR look so deep, whatever is asked.
SHALLOWEST, DEEPEST = 1, 1000
_MEASURED_DEPTH = 10
# Longer than any one call of an embedder may take; whoever is silent for so long was killed.
_TERM = timedelta(minutes=5)
_RENEWAL_SECONDS = 2.0
_MOST_ATTEMPTS = 3
# With what the speed of models in this process is measured: rounds, of each passages and questions, and the seconds
# after which no further round begins.
TIMED_ROUNDS, TIMED_PASSAGES, TIMED_QUESTIONS, TIMED_SECONDS = 5, 16, 5, 10.0
_FREE = Q(lease_expires_at=None) | Q(lease_expires_at__lt=Now())


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be compared by what; see ProfileComparison."""

    collection: Collection
    profiles: Sequence[EmbeddingProfile]
    questions: Sequence[JudgedQuestion] = ()
    questions_name: str = ""
    sample: int | None = None
    depth: int = 10


def ask(wish: Wish, *, user: User | None = None) -> ProfileComparison:
    """Keep what is to be compared for a worker, which finds it in SQL if nobody rings.

    Raises InvalidEvaluation or ConfigurationError.
    """
    return _keep(wish, user=user)


def compare(wish: Wish, *, progress: Callable[[int, int], None] = lambda _done, _total: None) -> Report:
    """Compare here and now, and keep the report; `progress` is told what is done and what there is to do.

    Raises what `ask` and `work` raise.
    """
    token = uuid.uuid4()
    asked = _keep(wish, lease_token=token, lease_expires_at=in_future(_TERM), started_at=Now(), attempts=1)
    hold = _Hold(asked.pk, token, lambda: progress(hold.done, hold.total))
    return _work(asked, hold)


def _keep(wish: Wish, *, user: User | None = None, **lease: Any) -> ProfileComparison:
    check(wish)
    with transaction.atomic():
        asked = ProfileComparison.objects.create(
            collection=wish.collection,
            profile_ids=[str(profile.public_id) for profile in wish.profiles],
            questions=[
                {"id": question.id, "text": question.text, "relevant": dict(question.relevant)}
                for question in wish.questions
            ],
            questions_name=wish.questions_name[:255],
            sample=wish.sample,
            depth=wish.depth,
            asked_by=user,
            **lease,
        )
        names = ", ".join(profile.name for profile in wish.profiles)
        record(user, "profiles compared", wish.collection, profiles=names)
    return asked


def check(wish: Wish) -> None:
    """Raise InvalidEvaluation or ConfigurationError unless these profiles can be compared so."""
    check_profiles(wish.profiles)
    if wish.sample is not None and wish.sample < 1:
        raise InvalidEvaluation(f"A sample of {wish.sample} documents cannot be compared; give at least 1.")
    if not SHALLOWEST <= wish.depth <= DEEPEST:
        raise InvalidEvaluation(f"{wish.depth} results cannot be looked at; choose from {SHALLOWEST} to {DEEPEST}.")


def check_profiles(profiles: Sequence[EmbeddingProfile]) -> None:
    """Raise InvalidEvaluation or ConfigurationError unless each is there once and can be used now."""
    if not profiles:
        raise InvalidEvaluation("Name at least one embedding profile.")
    if len({profile.pk for profile in profiles}) < len(profiles):
        raise InvalidEvaluation("A profile is named twice; name each once.")
    for profile in profiles:
        require_usable(profile)


def waiting() -> QuerySet[ProfileComparison]:
    """Return the comparisons that nobody is at, of collections that are not deleted."""
    return ProfileComparison.objects.filter(_FREE, finished_at=None, collection__deleted_at=None)


def stop(asked: ProfileComparison, *, reason: str) -> bool:
    """End a comparison; whoever is at it notices before the next slice. False if it has ended already."""
    rows = ProfileComparison.objects.filter(pk=asked.pk, finished_at=None)
    return bool(rows.update(finished_at=Now(), error=reason, lease_token=None, lease_expires_at=None))


def work(asked: ProfileComparison, *, breathe: Callable[[], None] = lambda: None) -> Report | None:
    """Compare, and keep the report; None at once where somebody else is at it or it has ended.

    `breathe` is called between slices, and may raise to end the work. What keeps all profiles from being compared is
    kept as the error, and raised.
    """
    token = _claim(asked)
    return None if token is None else _work(asked, _Hold(asked.pk, token, breathe))


def _work(asked: ProfileComparison, hold: "_Hold") -> Report:
    try:
        report = _compare(asked, hold)
    except LeaseLost:
        raise
    except BaseException as error:
        hold.end(error=f"{error}"[:2000] or repr(error))
        raise
    if not hold.end(report=report.to_json()):
        raise LeaseLost("The comparison was stopped.")
    return report


def _claim(asked: ProfileComparison) -> uuid.UUID | None:
    tired = waiting().filter(pk=asked.pk, attempts__gte=_MOST_ATTEMPTS)
    tired.update(finished_at=Now(), error=f"Its worker ended {_MOST_ATTEMPTS} times while it was at it.")
    token = uuid.uuid4()
    claimed = (
        waiting()
        .filter(pk=asked.pk)
        .update(
            lease_token=token,
            lease_expires_at=in_future(_TERM),
            started_at=Coalesce("started_at", Now()),
            attempts=F("attempts") + 1,
        )
    )
    return token if claimed else None


class _Hold:
    """The lease of a comparison: renewed now and then, with how far the work is."""

    def __init__(self, pk: int, token: uuid.UUID, breathe: Callable[[], None]) -> None:
        self._rows = ProfileComparison.objects.filter(pk=pk, lease_token=token, finished_at=None)
        self._breathe = breathe
        self._last = 0.0
        self.done = self.total = 0

    def __call__(self) -> None:
        """Give others a turn; raise LeaseLost if the comparison was stopped or taken over."""
        self._breathe()
        if time.monotonic() - self._last > _RENEWAL_SECONDS:
            renewed = self._rows.update(lease_expires_at=in_future(_TERM), done=self.done, total=self.total)
            if not renewed:
                raise LeaseLost("The comparison was stopped, or somebody else is at it.")
            self._last = time.monotonic()

    def end(self, **values: object) -> bool:
        """Note that the work is over; False if it was stopped or taken over before."""
        return bool(
            self._rows.update(
                finished_at=Now(), lease_token=None, lease_expires_at=None, done=self.done, total=self.total, **values
            )
        )


def _compare(asked: ProfileComparison, hold: _Hold) -> Report:
    profiles = profiles_of(asked)
    judged = [JudgedQuestion(row["id"], row["text"], row["relevant"]) for row in asked.questions]
    material = gather(asked.collection, judged, sample=asked.sample)
    hold.total = len(profiles) * len(material.chunk_ids)
    depth = max(asked.depth, _MEASURED_DEPTH)
    contestants = [Contestant(profile, material, depth=depth, breathe=hold) for profile in profiles]
    _each(contestants, Contestant.ask)
    for passages in material.slabs(material.slab):
        for contestant in [one for one in contestants if not one.error]:
            hold()
            _each([contestant], lambda one, met=passages: one.meet(met))  # type: ignore[misc]
            hold.done += len(passages.ids)
    _measure_speed(contestants, material, hold)
    if all(contestant.error for contestant in contestants):
        raise InvalidEvaluation(contestants[0].error)
    return report_of(material, contestants, depth=asked.depth)


def _measure_speed(contestants: Sequence[Contestant], material: Material, hold: _Hold) -> None:
    """Time the models in this process in turn, so that what else runs on the machine slows all of them alike.

    A server is not asked again: of it there is the speed at which it embedded what it had not embedded before.
    """
    timed = [contestant for contestant in contestants if contestant.is_in_this_process]
    _each(timed, Contestant.warm_up)
    passages = sorted(material.drawn(TIMED_ROUNDS * TIMED_PASSAGES).inputs, key=len)
    questions = [question.text for question in material.questions]
    started = time.monotonic()
    for number in range(TIMED_ROUNDS):
        if time.monotonic() - started > TIMED_SECONDS:
            break
        some = passages[number::TIMED_ROUNDS]
        asked = questions[number * TIMED_QUESTIONS :][:TIMED_QUESTIONS]
        for contestant in timed:
            hold()
            _each([contestant], lambda one, some=some, asked=asked: one.time(some, asked))  # type: ignore[misc]


def profiles_of(asked: ProfileComparison) -> list[EmbeddingProfile]:
    """Return the profiles of a comparison, in their order; InvalidEvaluation if one was deleted."""
    known = {str(profile.public_id): profile for profile in EmbeddingProfile.objects.all()}
    if missing := [public_id for public_id in asked.profile_ids if public_id not in known]:
        raise InvalidEvaluation(f"{len(missing)} of the profiles to compare were deleted; ask with others.")
    return [known[public_id] for public_id in asked.profile_ids]


def _each(contestants: Sequence[Contestant], act: Callable[[Contestant], None]) -> None:
    """Let each act that is still there; one whose embedder fails is out, and the others go on."""
    for contestant in contestants:
        if contestant.error:
            continue
        try:
            act(contestant)
        except LeaseLost:
            raise
        except VectorsiteError as error:
            logger.warning("The profile %s is out of the comparison: %s", contestant.profile, error)
            contestant.error = str(error) or type(error).__name__
