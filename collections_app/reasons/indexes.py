"""Why an index cannot be built, serve or be dropped."""

from django.utils.translation import gettext_noop

TEMPLATES = (
    gettext_noop(
        "The database was restored from an older copy: the store holds the id %(found)s, and the last one given out "
        "is %(last)s. All its collections are rebuilt."
    ),
    gettext_noop("%(name)s was dropped meanwhile. Build another one."),
    gettext_noop("%(name)s is being copied anew into the vector store. Wait until that is done."),
    gettext_noop("%(reason)s It takes over by itself as soon as it can."),
    gettext_noop("The collection %(name)s was deleted; choose or create another one."),
    gettext_noop("The collection %(name)s was deleted; choose another one."),
    gettext_noop(
        "A chunk size of %(size)s cannot be used: choose one from %(least)s to %(most)s, as much as the model of the "
        "profile %(profile)s reads at once."
    ),
    gettext_noop("An overlap of %(overlap)s cannot be used: choose one from 0 to %(most)s."),
    gettext_noop("Documents are still being taken into it, or were changed at this moment; the workers are at it."),
    gettext_noop(
        "Its audit found it out of step with the vector store (%(findings)s). Rebuild it in the store, or repair it."
    ),
    gettext_noop("Its collection in the vector store is still being filled."),
    gettext_noop(
        "Documents that the serving index has have failed in it: %(count)s, such as %(keys)s. Correct or delete them, "
        "or retry them (admin, index entries)."
    ),
    gettext_noop("The index %(index)s cannot be dropped: it %(state)s."),
    gettext_noop("has been dropped already"),
    gettext_noop("serves now; activate another one first"),
    gettext_noop("No earlier index of %(name)s is kept. Build another one: manage.py rebuild %(slug)s"),
    gettext_noop("%(index)s cannot serve yet. %(obstacle)s"),
    gettext_noop(
        "An index of %(name)s is being built already. Wait until it serves, or give it up first: manage.py rebuild "
        "%(slug)s --cancel"
    ),
)
# As errors name what an audit finds, with what its own page says.
FINDINGS = {
    "documents without entry": gettext_noop("documents without an entry"),
    "entries without document": gettext_noop("entries without a document"),
    "wrong wanted revision": gettext_noop("entries that want another revision"),
    "entries contradictory": gettext_noop("entries that contradict themselves"),
    "entries behind": gettext_noop("entries behind"),
    "live chunks not as recorded": gettext_noop("documents whose live chunks are not as recorded"),
    "live chunks not in text": gettext_noop("live chunks that the text does not hold"),
    "live chunks without document": gettext_noop("live chunks without a document"),
    "live chunks without vector": gettext_noop("live chunks without a vector"),
    "vectors unusable": gettext_noop("vectors that cannot be used"),
    "vectors of another profile": gettext_noop("vectors of another profile"),
    "vectors of another input": gettext_noop("vectors of another text"),
    "lexical rows missing": gettext_noop("live chunks without a lexical row"),
    "lexical rows without chunk": gettext_noop("lexical rows without a live chunk"),
    "lexical segments differ": gettext_noop("passages that lexical segments lack, or hold without need"),
    "collection not ready": gettext_noop("collection still being filled"),
    "collection lost": gettext_noop("collection lost"),
    "ids missing in store": gettext_noop("ids missing in the store"),
    "ids unknown or not live": gettext_noop("ids in the store that are unknown or not live"),
    "removals pending": gettext_noop("ids about to leave the store"),
    "vectors altered": gettext_noop("vectors altered in the store"),
    "metadata altered": gettext_noop("metadata altered in the store"),
}
