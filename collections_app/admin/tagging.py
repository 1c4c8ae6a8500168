"""The page where people change one field of many documents."""

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from collections_app import services
from collections_app.admin import cells
from collections_app.admin.form_page import form_page
from collections_app.admin.pages import SiteAdmin
from collections_app.admin.scope import user_of
from collections_app.forms.tagging import TaggingForm
from collections_app.models import Collection, Document


def tagging_view(request: HttpRequest, model_admin: SiteAdmin, documents: QuerySet[Document]) -> HttpResponse | None:
    """Ask which field is to be changed and how, then change it; None sends the browser back to the list."""
    ours = Document.objects.filter(pk__in=model_admin.writable(request, documents).values("pk"))
    collections = list(Collection.objects.filter(pk__in=ours.values("collection"))[:2])
    if len(collections) != 1:
        text = _("Fields belong to a collection: select documents of one that you may write to.")
        model_admin.message_user(request, text, messages.ERROR)
        return None
    form = TaggingForm(request.POST if "operation" in request.POST else None, collection=collections[0])
    if form.is_bound and form.is_valid():
        count = services.change_field(ours, form.cleaned_data["field"], form.chosen, form.raw, user=user_of(request))
        text = ngettext("%(count)s document was changed.", "%(count)s documents were changed.", count)
        model_admin.message_user(request, text % {"count": cells.count(count)}, messages.SUCCESS)
        return None
    count = ours.count()
    intro = ngettext(
        "A field of %(count)s document of “%(collection)s” is changed. Nothing has to be embedded again.",
        "A field of %(count)s documents of “%(collection)s” is changed. Nothing has to be embedded again.",
        count,
    )
    return form_page(
        request,
        model_admin,
        form=form,
        title=_("Change a field"),
        submit=_("Change it"),
        intro=intro % {"count": cells.count(count), "collection": collections[0]},
        repeated=[(name, value) for name in _REPEATED for value in request.POST.getlist(name)],
    )


# What makes the next request run the same action for the same documents.
_REPEATED = ("action", "index", "select_across", ACTION_CHECKBOX_NAME)
