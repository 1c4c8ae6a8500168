"""What is wrong with documents, their metadata and rows that come with vectors."""

from django.utils.translation import gettext_noop

TEMPLATES = (
    gettext_noop(
        "%(kind)s: %(error)s. This is a defect, not a fault of the document; the worker's log has the details."
    ),
    gettext_noop("A document needs a key of 1 to %(most)s characters; this one has %(count)s."),
    gettext_noop("The document %(key)s has neither text nor title, so there is nothing to search."),
    gettext_noop("The document %(key)s has %(count)s characters; at most %(most)s are taken. Split it."),
    gettext_noop("Markup %(markup)s is not known; use one of %(known)s."),
    gettext_noop(
        "The worker died or hung while it worked on this document alone. Look for this time in the worker's log; "
        "shorten or split the document, or give the worker more memory, then retry."
    ),
    gettext_noop("The document has no text that could be searched. Give it a text or a title."),
    gettext_noop("Give a value, or choose to clear the field."),
    gettext_noop("The field %(name)s holds one value; set it, clear it, or declare it as a list."),
    gettext_noop("The file holds no rows of a table. Upload it as a file instead, or choose another one."),
    gettext_noop("The table has %(count)s columns; at most %(most)s can be chosen from. Upload it as a file instead."),
    gettext_noop("The field %(name)s (%(type)s) does not take %(value)s: %(remedy)s."),
    gettext_noop("declare the field as a list, or give one value"),
    gettext_noop("give at most %(most)s values, or declare the field as not filterable"),
    gettext_noop("it has %(count)s characters; shorten it to %(most)s, or declare the field as not filterable"),
    gettext_noop("a whole number of %(bits)s bits"),
    gettext_noop("give text, a finite number, a date, true or false"),
    gettext_noop("give a whole number of at most 64 bits such as 42, or declare the field as number or text"),
    gettext_noop("give a number such as 1.5 (whole ones up to 2^53), or declare the field as integer or text"),
    gettext_noop("give true or false, or declare the field as text"),
    gettext_noop("give a date such as 2024-12-31, or declare the field as datetime or text"),
    gettext_noop("give a date and time such as 2024-12-31T23:59:00+08:00, or declare the field as text"),
    gettext_noop("The document %(key)s: %(problem)s"),
    gettext_noop("the document %(key)s: %(problem)s"),
    gettext_noop(
        "%(documents)s that this field could not take, for example %(example)s Change that first, or declare the "
        "field as text."
    ),
    gettext_noop("1 document has a value"),
    gettext_noop("%(count)s documents have values"),
    gettext_noop("It is no JSON object."),
    gettext_noop(
        "Line %(number)s of %(file)s: %(problem)s Correct it: the vectors beside it are told apart by their order, so "
        "no row may be left out."
    ),
    gettext_noop("Line %(number)s of %(file)s is longer than %(most)s bytes."),
    gettext_noop("It has vectors of its own (%(name)s), and there is a file of vectors beside it."),
    gettext_noop("There are %(count)s vectors, and this row wants more."),
    gettext_noop("%(path)s is no NumPy file (.npy) that can be read: %(error)s."),
    gettext_noop("%(path)s must hold one matrix of floating-point numbers: a row for each passage."),
    gettext_noop("It has no vector (%(name)s)."),
    gettext_noop("Its vector (%(name)s) is no list of numbers."),
    gettext_noop("Its vector (%(name)s) is zero or not finite."),
    gettext_noop("Its %(name)s are no list of objects with a text and a vector."),
    gettext_noop("One of %(names)s is no simple value."),
    gettext_noop("A passage has no text."),
    gettext_noop(
        "The document %(key)s has a vector of %(found)s dimensions, and those before it have %(expected)s. All have "
        "to be of one model."
    ),
    gettext_noop("No row of %(file)s is a document with a vector (%(name)s)."),
    gettext_noop("There are %(vectors)s vectors for %(passages)s passages; each needs one."),
    gettext_noop("The profile %(profile)s is of supplied vectors itself. Name one that has a model."),
    gettext_noop(
        "The supplied vectors have %(found)s dimensions and those of %(profile)s have %(expected)s: they are not of "
        "the same model. Name another profile, or none."
    ),
    gettext_noop(
        "The profile %(profile)s gives other vectors than those supplied (their cosine is %(cosine)s on average of "
        "%(count)s passages): questions would be compared with what another model says. Name the profile of the model "
        "that made them, or none to search by words and likeness alone."
    ),
    gettext_noop(
        "The collection %(name)s is embedded by a model of this site. Supplied vectors need a collection of their "
        "own; choose another name."
    ),
    gettext_noop(
        "The model %(model)s has another vector for this very text and title already. If it was made by another "
        "version of the model, give that another name."
    ),
)
# As errors name the types of fields.
FIELD_TYPES = {
    "text": gettext_noop("text"),
    "integer": gettext_noop("integer"),
    "number": gettext_noop("number"),
    "boolean": gettext_noop("boolean"),
    "datetime": gettext_noop("datetime"),
    "date": gettext_noop("date"),
}
