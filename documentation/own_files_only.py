"""A hook of MkDocs: the build fails when a page would load anything from another host than its own."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError

# What a browser fetches unasked. Links that people follow (`<a href>`) may lead anywhere, and so may `rel=canonical`.
_FETCHED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed|object)\b[^>]*?\s(?:src|srcset|data)=["']?((?:https?:)?//[^"'\s>]+)"""
    r"""|<link\b(?=[^>]*\brel=["']?(?:stylesheet|icon|preconnect|preload|prefetch))[^>]*?\shref=["']?((?:https?:)?//[^"'\s>]+)"""
)
_FETCHED_BY_CSS = re.compile(r"""(?:@import\s+|url\()\s*["']?((?:https?:)?//[^"'\s)]+)""")


def on_post_build(config: MkDocsConfig) -> None:
    """Look through all that was built; raises PluginError, which ends the build, naming files and addresses."""
    site = Path(config.site_dir)
    patterns = {"*.html": _FETCHED, "*.css": _FETCHED_BY_CSS, "*.svg": _FETCHED_BY_CSS}
    found = sorted(
        f"{path.relative_to(site)}: {address}"
        for kind, pattern in patterns.items()
        for path in site.rglob(kind)
        for address in foreign(pattern, path.read_text(encoding="utf-8"))
    )
    if found:
        raise PluginError("Pages load from other hosts; keep the files with the documentation.\n" + "\n".join(found))


def foreign(pattern: re.Pattern[str], text: str) -> set[str]:
    """Return the addresses on other hosts that `text` has a browser fetch."""
    return {address for match in pattern.finditer(text) for address in match.groups() if address}
