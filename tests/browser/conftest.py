"""The browser of the tests of pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.desk import desk, instance
from tests.browser.layer_opened import opened
from tests.browser.layer_page import QUICK_ARGUMENTS, chromium_path
from tests.browser.profiles import kept_profiles, profiles
from tests.conftest import unavailable

__all__ = ["browser", "desk", "instance", "kept_profiles", "opened", "profiles"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One headless Chromium for all tests of a module: its event loop must not run under tests without a browser."""
    path = chromium_path()
    if path is None:
        unavailable("Chromium is not installed; run: apt-get install chromium-headless-shell")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=QUICK_ARGUMENTS)
        yield chromium
        chromium.close()
