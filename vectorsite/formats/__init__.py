"""Formats of numbers and dates that differ from those that Django has for a language."""
