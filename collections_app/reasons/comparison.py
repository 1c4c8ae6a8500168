"""What stands in the way of comparing profiles, and what is wrong with judged questions."""

from django.utils.translation import gettext_noop

TEMPLATES = (
    gettext_noop(
        "The profile %(profile)s is paused: %(reason)s Wait until it is used again, or resume it at its page in the "
        "admin."
    ),
    gettext_noop("The collection %(name)s has no passages yet. Add documents, and wait until they are indexed."),
    gettext_noop(
        "No question can be made from the passages of %(name)s: none has two sentences that say something. Give "
        "questions with the documents that answer them (--queries)."
    ),
    gettext_noop("A sample of %(count)s documents cannot be compared; give at least 1."),
    gettext_noop("%(count)s results cannot be looked at; choose from %(least)s to %(most)s."),
    gettext_noop("Name at least one embedding profile."),
    gettext_noop("A profile is named twice; name each once."),
    gettext_noop("The comparison was stopped."),
    gettext_noop("%(count)s of the profiles to compare were deleted; ask with others."),
    gettext_noop("The comparison was stopped, or somebody else is at it."),
    gettext_noop("Its worker ended %(times)s times while it was at it."),
    gettext_noop("no reason is known."),
    gettext_noop(
        "The collection %(name)s has none of the %(count)s documents that are judged: %(keys)s, … Questions name "
        "documents by the keys that they have in the collection."
    ),
    gettext_noop("%(file)s holds %(count)s sentence pairs; a correlation needs at least two."),
    gettext_noop("%(file)s is not UTF-8 (byte %(place)s); save it as UTF-8."),
    gettext_noop("%(file)s cannot be read: %(error)s. Name another file."),
    gettext_noop("%(file)s has more than one question with the id %(id)s; give each its own."),
    gettext_noop("%(file)s holds no question for which a document is judged relevant."),
    gettext_noop("%(file)s, line %(number)s: %(problem)s."),
    gettext_noop("question, document and grade, by tabs, are needed; such as: q1\td7\t1"),
    gettext_noop("it is not JSON (%(error)s)"),
    gettext_noop("it is JSON, but no object {…}"),
    gettext_noop("“%(name)s” has to be a number"),
    gettext_noop("“id” has to be text or a whole number"),
    gettext_noop("“%(name)s” has to be text, and not blank"),
    gettext_noop("“%(name)s” holds half of a surrogate pair at character %(place)s"),
    gettext_noop("“%(name)s” holds a NUL at character %(place)s"),
    gettext_noop("“relevant” has to be a list of document keys, or an object of keys and grades"),
)
