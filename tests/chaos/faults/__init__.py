"""Faults, made on purpose and at an exact moment: what stands between the site and its servers, and those servers."""
