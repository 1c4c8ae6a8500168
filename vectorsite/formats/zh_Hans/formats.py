"""Chinese."""

# Django groups Chinese numbers by four digits with nothing between them, so that 1000000 has to be counted out.
THOUSAND_SEPARATOR = ","
NUMBER_GROUPING = 3
