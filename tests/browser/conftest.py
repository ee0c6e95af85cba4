"""The browser of the tests of pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.layer_page import CHROMIUM_ARGUMENTS
from tests.conftest import unavailable

_CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One headless Chromium for all tests of a module."""
    if not _CHROMIUM.exists():
        unavailable("Chromium is not installed; run: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(_CHROMIUM), args=CHROMIUM_ARGUMENTS)
        yield chromium
        chromium.close()
