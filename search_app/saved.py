"""Searches that people keep under names: each sees, runs and changes their own."""

from uuid import UUID

from django import forms
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from collections_app.exceptions import InvalidSearchRequest
from collections_app.models import Collection, SavedSearch, User
from search_app.parameters import EVERY, Parameters
from search_app.picking import choose, readable_list

_LONGEST_SUGGESTION = 80


class SavedSearchForm(forms.ModelForm):
    """The name of a saved search, unique among its owner's."""

    class Meta:
        model = SavedSearch
        fields = ["name"]

    def save_or_refuse(self) -> bool:
        """Save and return True; where the owner has another search of this name, say so in the form."""
        try:
            with transaction.atomic():
                self.save()
        except IntegrityError:
            self.add_error("name", _("You have a saved search of this name. Choose another name, or delete that one."))
        return not self.errors


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def saved_searches(request: HttpRequest) -> HttpResponse:
    """The reader's saved searches; with the query string of a search, a form that saves it, which a POST does."""
    parameters, chosen = _asked(request)
    search = SavedSearch(
        owner=_reader(request),
        query_string=parameters.query_string,
        collection=chosen[0] if len(chosen) == 1 and EVERY not in parameters.collections else None,
    )
    form, status = None, 200
    if request.method == "POST":
        form = SavedSearchForm(request.POST, instance=search)
        if not search.query_string:
            form.add_error(None, _("There is no search to save. Search first, then follow “Save this search”."))
        if form.is_valid() and form.save_or_refuse():
            return HttpResponseRedirect(reverse("search:saved"))
        status = 400
    elif request.GET:
        suggested = parameters.query[:_LONGEST_SUGGESTION] or ", ".join(value for _key, value in parameters.filters)
        form = SavedSearchForm(instance=search, initial={"name": suggested[:_LONGEST_SUGGESTION]})
    return _page(request, form=form, saving=parameters if form else None, status=status)


@never_cache
@login_required
@require_POST
def rename(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Give one of the reader's saved searches another name."""
    search = get_object_or_404(SavedSearch, owner=_reader(request), public_id=public_id)
    form = SavedSearchForm(request.POST, instance=search)
    if form.is_valid() and form.save_or_refuse():
        return HttpResponseRedirect(reverse("search:saved"))
    return _page(request, renaming=form, status=400)


@login_required
@require_POST
def delete(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Delete one of the reader's saved searches; one that is gone already is no error."""
    SavedSearch.objects.filter(owner=_reader(request), public_id=public_id).delete()
    return HttpResponseRedirect(reverse("search:saved"))


def _reader(request: HttpRequest) -> User:
    """Return who is signed in, as these pages demand."""
    if isinstance(request.user, AnonymousUser):
        raise TypeError("Saved searches are for people who are signed in.")
    return request.user


def _asked(request: HttpRequest) -> tuple[Parameters, list[Collection]]:
    """Return the search of the query string, naming its collections, so that it stays the same search."""
    parameters = Parameters.read(request.GET).settled().on_page(1)
    if not request.GET:
        return parameters, []
    try:
        chosen = list(choose(readable_list(request.user), parameters, request.user))
    except InvalidSearchRequest as error:
        raise Http404(str(error)) from error
    return parameters.naming([collection.slug for collection in chosen]), chosen


def _page(
    request: HttpRequest,
    *,
    form: SavedSearchForm | None = None,
    saving: Parameters | None = None,
    renaming: SavedSearchForm | None = None,
    status: int = 200,
) -> HttpResponse:
    readable = {collection.pk for collection in readable_list(request.user)}
    searches = [
        {
            "search": search,
            "parameters": parameters_of(search),
            "is_readable": search.collection_id is None or search.collection_id in readable,
            "form": renaming if renaming and renaming.instance.pk == search.pk else None,
        }
        for search in SavedSearch.objects.filter(owner=_reader(request)).select_related("collection")
    ]
    context = {"searches": searches, "form": form, "saving": saving}
    return render(request, "search_app/saved.html", context, status=status)


def parameters_of(search: SavedSearch) -> Parameters:
    """Return what a saved search asks."""
    return Parameters.read(QueryDict(search.query_string.removeprefix("?")))
