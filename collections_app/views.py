"""What machines ask of the site: is it alive, is it ready."""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from collections_app.health import OPTIONAL, REQUIRED, Level, examine


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Say that this process answers. It touches nothing: restarting it would not help whatever else is wrong."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Say whether questions can be answered, in bounded time; all else is only told. No details: anybody may ask."""
    results = examine([*REQUIRED, *OPTIONAL])
    levels: dict[str, Level] = {}
    for result in results:
        levels[result.name] = max(levels.get(result.name, Level.OK), result.finding.level, key=list(Level).index)
    ready = all(levels[check.name] is not Level.ERROR for check in REQUIRED)
    status = "ready" if ready else "not ready"
    return JsonResponse({"status": status, "checks": levels}, status=200 if ready else 503)
