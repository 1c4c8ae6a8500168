"""The embedding models that are in use: they answer, and as they did when the first vector was kept."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from collections_app.exceptions import ConfigurationError, EmbeddingError, ProfileMismatch
from collections_app.health.finding import Finding, error, ok, warning
from collections_app.models import EmbeddingProfile, IndexState, VectorIndex
from collections_app.profiles import check_canary
from collections_app.reasons import explained, in_readers_language


def embedders() -> Iterator[Finding]:
    """Ask each for the vector of its canary."""
    in_use = VectorIndex.objects.exclude(state=IndexState.DROPPED).values("profile")
    profiles = EmbeddingProfile.objects.filter(pk__in=in_use)
    if not profiles:
        yield ok(_("None is in use yet."))
    for profile in profiles:
        yield _judge(profile)


def _judge(profile: EmbeddingProfile) -> Finding:
    try:
        check_canary(profile)
    except ProfileMismatch as failure:
        return error(
            _("“%(name)s”: %(error)s") % {"name": profile, "error": explained(failure)},
            _("Put the old model back, or make a new profile and run `manage.py rebuild` with it."),
        )
    except (EmbeddingError, ConfigurationError) as failure:
        return error(
            _("“%(name)s” gives no vectors: %(error)s") % {"name": profile, "error": explained(failure)},
            _("Do what is said there; documents wait until then and questions are answered by their words alone."),
        )
    if profile.paused_until:
        return warning(
            _("“%(name)s” answers as it should, and is paused since it did not: %(reason)s")
            % {"name": profile, "reason": in_readers_language(profile.pause_reason)},
            _("A worker tries it again by itself within a minute; if none does, see what is said of the workers."),
        )
    if not profile.canary:
        return ok(_("The vectors of “%(name)s” were supplied, and no model is needed for them.") % {"name": profile})
    return ok(_("“%(name)s” answers, with the vectors that it gave at first.") % {"name": profile})
