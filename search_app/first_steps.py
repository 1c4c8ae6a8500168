"""What can be done on a site that has nothing to search: load the demo."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from collections_app import tasks
from search_app.picking import readable_list

# How often the page that waits for the demo looks again.
_SECONDS = 3


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def demo(request: HttpRequest) -> HttpResponse:
    """Have a worker load the demo; until there is something to search, a page that waits for it."""
    if not request.user.has_perm("collections_app.add_collection"):
        raise PermissionDenied
    if readable_list(request.user):
        return HttpResponseRedirect(reverse("search:search"))
    if request.method == "POST" and tasks.ask_for_demo():
        return HttpResponseRedirect(reverse("search:demo"))
    could_not_ask = request.method == "POST"
    response = render(
        request, "search_app/demo.html", {"could_not_ask": could_not_ask}, status=503 if could_not_ask else 200
    )
    if not could_not_ask:
        response.headers["Refresh"] = str(_SECONDS)
    return response
