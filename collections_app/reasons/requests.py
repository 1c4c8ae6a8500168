"""What is wrong with a value in a request to the API, as the library writes it that validates them."""

from django.utils.translation import gettext_noop

TEMPLATES = (
    gettext_noop("Cannot parse request body"),
    gettext_noop("Field required"),
    gettext_noop("Extra inputs are not permitted"),
    gettext_noop("Input should be a valid string"),
    gettext_noop("Input should be a valid list"),
    gettext_noop("Input should be a valid dictionary"),
    gettext_noop("Input should be a valid dictionary or object to extract fields from"),
    gettext_noop("Input should be a valid integer"),
    gettext_noop("Input should be a valid integer, unable to parse string as an integer"),
    gettext_noop("Input should be a valid integer, got a number with a fractional part"),
    gettext_noop("Unable to parse input string as an integer, exceeded maximum size"),
    gettext_noop("Input should be a valid number"),
    gettext_noop("Input should be a valid number, unable to parse string as a number"),
    gettext_noop("Input should be a valid boolean"),
    gettext_noop("Input should be a valid boolean, unable to interpret input"),
    gettext_noop("Input should be a valid UUID, %(error)s"),
    gettext_noop("UUID input should be a string, bytes or UUID object"),
    gettext_noop("Input should be greater than or equal to %(least)s"),
    gettext_noop("Input should be less than or equal to %(most)s"),
    gettext_noop("List should have at least %(least)s item after validation, not %(count)s"),
    gettext_noop("List should have at most %(most)s items after validation, not %(count)s"),
)
