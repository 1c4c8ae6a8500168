"""Make the README's pictures from a running site whose demo is indexed: search.png and admin.png in docs/images.

python docs/screenshots.py http://127.0.0.1:8000/ var/admin_password

Chromium is the one on PATH, or the one that the environment variable CHROMIUM names.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

IMAGES = Path(__file__).parent / "images"
QUESTION = "wait until several threads have reached the same point"
SEARCH = f"?collection=python-standard-library&kind=class&q={QUESTION.replace(' ', '+')}"
OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
WIDTH, HEIGHT = 1280, 800
# Pixels per point: as sharp as the limit on the size of the files allows.
SCALE = 1.5
LARGEST = 250_000


def main() -> int:
    options = _arguments()
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if executable is None:
        sys.exit("Chromium is needed: `apt-get install chromium`, or CHROMIUM=/path/to/chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=OPTIONS)
        _take(_search_page(browser, options.url), "search")
        _take(_dashboard(browser, options.url, options.password_file.read_text().strip()), "admin")
        browser.close()
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="address of the site")
    parser.add_argument("password_file", type=Path, help="file with the administrator's password")
    return parser.parse_args()


def _search_page(browser: Browser, url: str) -> Page:
    page = _open(browser, url + SEARCH)
    page.locator("article.result").first.wait_for()
    return page


def _dashboard(browser: Browser, url: str, password: str) -> Page:
    page = _open(browser, f"{url}admin/")
    page.locator("#id_username").fill("admin")
    page.locator("#id_password").fill(password)
    page.locator("#id_password").press("Enter")
    page.get_by_text("Workers", exact=True).first.wait_for()
    return page


def _open(browser: Browser, address: str) -> Page:
    page = browser.new_page(
        viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=SCALE, color_scheme="light", locale="en"
    )
    page.goto(address)
    return page


def _take(page: Page, name: str) -> None:
    """Write what is seen to docs/images."""
    page.wait_for_load_state("networkidle")
    path = IMAGES / f"{name}.png"
    path.parent.mkdir(exist_ok=True)
    picture = page.screenshot(path=path, animations="disabled", caret="hide")
    if len(picture) > LARGEST:
        sys.exit(f"{path} has {len(picture):,} bytes; lower SCALE until it has at most {LARGEST:,}.")


if __name__ == "__main__":
    sys.exit(main())
