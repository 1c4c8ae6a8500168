"""What is wrong with the site, and what to do about it: checks of every part that find out for themselves."""

from collections_app.health.checks import CHECKS, OPTIONAL, REQUIRED
from collections_app.health.examination import examine
from collections_app.health.finding import Check, Finding, Level, Result

__all__ = ["CHECKS", "OPTIONAL", "REQUIRED", "Check", "Finding", "Level", "Result", "examine"]
