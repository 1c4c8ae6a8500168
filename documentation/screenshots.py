"""Take the documentation's pictures, in docs/images, of a site of their own: `make screenshots`.

The site is in var/screenshots with the demo and the films of the tutorial; it is kept, so that the next time nothing is
embedded. Chromium is the one on PATH, or the one that the environment variable CHROMIUM names.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
VAR = ROOT / "var" / "screenshots"
FILMS = ROOT / "docs" / "examples" / "films.csv"
OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
WIDTH, HEIGHT = 1280, 800
# Pixels per point: as sharp as the limit on the size of the files allows.
SCALE = 1.35
LARGEST = 250_000
# Seconds for the demo to be embedded on a slow machine, once.
_PATIENCE = 3600
# Variables that would lead the site to servers of somebody's own.
_ELSEWHERE = ("DATABASE_URL", "REDIS_URL", "CHROMA_URL", "ADMIN_PASSWORD", "SECRET_KEY", "ALLOWED_HOSTS", "HOST")


@dataclass(frozen=True, slots=True)
class Language:
    """In which language the pages are shown, where their pictures go, and what is asked in the handbook's search."""

    locale: str
    folder: Path
    search: dict[str, str]


LANGUAGES = (
    Language(
        "en",
        IMAGES,
        {
            "collection": "python-standard-library",
            "kind": "class",
            "q": "wait until several threads have reached the same point",
        },
    ),
    Language("zh-CN", IMAGES / "zh", {"collection": "handbook", "q": "换了嵌入模型以后，旧的向量还能用吗"}),
)


def main() -> int:
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not executable:
        sys.exit("Chromium is needed: `apt-get install chromium`, or CHROMIUM=/path/to/chrome")
    with _site() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=OPTIONS)
        for language in LANGUAGES:
            page = _signed_in(browser, url, language)
            for name, show in PICTURES.items():
                show(page, url, language)
                _take(page, language.folder / name)
        browser.close()
    return 0


@contextmanager
def _site() -> Iterator[str]:
    """Run a site whose demo and films are indexed, and one of whose files has failed; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    environment |= {"VAR_DIR": str(VAR), "PORT": str(port), "LANGUAGE_CODE": "en"}
    VAR.mkdir(parents=True, exist_ok=True)
    with (VAR / "site.log").open("wb") as log:
        command = [sys.executable, "manage.py", "up", "--demo"]
        site = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}/"
            _wait(site, lambda: len(_collections(url)) >= 2)
            _ingest(environment)
            _wait(site, lambda: all(one["documents"] and not one["pending"] for one in _collections(url)))
            yield url
        finally:
            site.send_signal(signal.SIGINT)
            site.wait(timeout=120)


def _wait(site: "subprocess.Popen[bytes]", is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not is_so():
        if site.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"The site did not come so far; {VAR / 'site.log'} says why.")
        time.sleep(2)


def _collections(url: str) -> list[dict[str, int]]:
    """Return what the API says of each collection, and nothing while the site starts."""
    try:
        with urllib.request.urlopen(f"{url}api/v1/collections", timeout=30) as answer:  # noqa: S310 - our own
            found: list[dict[str, int]] = json.load(answer)["collections"]
            return found
    except urllib.error.HTTPError:
        raise
    except OSError:
        return []


def _ingest(environment: dict[str, str]) -> None:
    ingest = [sys.executable, "manage.py", "ingest", "--collection", "Films"]
    columns = ["--text-field", "plot", "--title-field", "title", "--key-field", "id"]
    with tempfile.TemporaryDirectory() as folder:
        broken = Path(folder) / "report.pdf"
        broken.write_text("<html>Please sign in</html>\n")
        # Both end with 1, as one row has no text and the other file is none of its kind.
        for arguments in ([str(FILMS), *columns], [str(broken)]):
            subprocess.run([*ingest, *arguments], cwd=ROOT, env=environment, check=False, capture_output=True)


def _signed_in(browser: Browser, url: str, language: Language) -> Page:
    page = browser.new_page(
        viewport={"width": WIDTH, "height": HEIGHT},
        device_scale_factor=SCALE,
        color_scheme="light",
        locale=language.locale,
    )
    page.goto(f"{url}admin/")
    page.locator("#id_username").fill("admin")
    page.locator("#id_password").fill((VAR / "admin_password").read_text().strip())
    page.locator("#id_password").press("Enter")
    page.wait_for_url(f"{url}admin/")
    return page


def _search(page: Page, url: str, language: Language) -> None:
    page.goto(f"{url}?{urlencode(language.search)}")
    page.locator("article.result").first.wait_for()


def _explain(page: Page, url: str, language: Language) -> None:
    page.goto(f"{url}explain/?{urlencode({'collection': 'films', 'q': 'a train'})}")
    # As far as one reads at first: the question, the plan, and the first hits.
    page.set_viewport_size({"width": WIDTH, "height": 1000})


def _dashboard(page: Page, url: str, language: Language) -> None:
    page.goto(f"{url}admin/")
    page.get_by_text("report.pdf").first.wait_for()
    page.set_viewport_size({"width": WIDTH, "height": 880})


def _upload(page: Page, url: str, language: Language) -> None:
    page.goto(f"{url}admin/collections_app/sourcefile/upload/")
    page.select_option("#id_collection", label="Films")
    page.set_input_files("#id_uploads", FILMS)
    for field, column in {"text_fields": "plot", "title_field": "title", "key_field": "id"}.items():
        page.fill(f"#id_{field}", column)
    page.set_viewport_size({"width": WIDTH, "height": 920})


def _lab(page: Page, url: str, language: Language) -> None:
    """Compare an example's texts, which leads to where the results begin."""
    page.goto(f"{url}admin/collections_app/embeddingprofile/lab/?form=compare&example=weather")
    page.locator("#lab-form button[type=submit]").click()
    page.locator("#results").wait_for()


def _map(page: Page, url: str, language: Language) -> None:
    page.goto(f"{url}collections/python-standard-library/map/?q=compress+a+file")
    page.locator("#map.ready").wait_for(timeout=300_000)
    page.evaluate("scrollTo(0, document.querySelector('.ask').offsetTop - 20)")


PICTURES: dict[str, Callable[[Page, str, Language], None]] = {
    "search.png": _search,
    "explain.png": _explain,
    "admin.png": _dashboard,
    "upload.png": _upload,
    "lab.png": _lab,
    # Thousands of points: as a PNG it would be three times as large.
    "map.jpeg": _map,
}


def _take(page: Page, path: Path) -> None:
    """Write what is seen to `path`, as a PNG or a JPEG by its name, and go back to the usual size of the window."""
    page.wait_for_load_state("networkidle")
    path.parent.mkdir(parents=True, exist_ok=True)
    quality = 70 if path.suffix == ".jpeg" else None
    picture = page.screenshot(path=path, quality=quality, animations="disabled", caret="hide")
    if len(picture) > LARGEST:
        sys.exit(f"{path} has {len(picture):,} bytes; lower SCALE until it has at most {LARGEST:,}.")
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})


if __name__ == "__main__":
    sys.exit(main())
