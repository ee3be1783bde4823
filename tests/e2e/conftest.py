"""The browser tier: the running product, a real Chromium, pictures of every step in `screenshots/`."""

import os
import shutil
from pathlib import Path

import pytest

CHROMIUM = os.environ.get("CHROMIUM_PATH") or shutil.which("chromium") or shutil.which("chromium-browser")
PICTURES = Path(__file__).resolve().parents[2] / "screenshots"
# Without these Chromium looks for its maker's servers at every start.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="session")
def addresses() -> dict[str, str]:
    names = ("PUBLIC_BASE_URL", "SANDBOX_URL", "DEMO_PASSWORD")
    if missing := [name for name in names if not os.environ.get(name)]:
        pytest.fail(f"{', '.join(missing)} not set: run this tier by `make e2e`.")
    return {name: os.environ[name] for name in names}


@pytest.fixture(scope="session")
def chromium():
    if not CHROMIUM:
        pytest.skip("Chromium is not installed: install Debian's package chromium, or set CHROMIUM_PATH.")
    from playwright.sync_api import sync_playwright  # slow to import, and only this tier needs it

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()
