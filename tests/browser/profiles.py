"""Browser profiles, one for each person of an instance, kept from test to test with what they have fetched."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.viewer_instance import Instance

_FORGOTTEN = "cookies,local_storage,indexeddb,cache_storage,service_workers"


class Profiles:
    """Gives people a page in which they are logged in and nothing is remembered but files that never change."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: dict[tuple[str, str], BrowserContext] = {}

    def page(self, instance: Instance, name: str = "ann") -> tuple[Page, str]:
        """A new page of somebody, and the CSRF token of their session."""
        context = self._contexts.get((instance.address, name))
        if context is None:
            # Without springs a zoom is drawn once, not seventy times; tests with a context of their own have them.
            context = self._browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
            self._contexts[instance.address, name] = context
        page = context.new_page()
        tools = context.new_cdp_session(page)
        tools.send("Storage.clearDataForOrigin", {"origin": instance.address, "storageTypes": _FORGOTTEN})
        tools.detach()
        return page, instance.log_in(context, name)

    def put_away(self) -> None:
        """Close the pages of a test."""
        for context in self._contexts.values():
            context.unroute_all(behavior="ignoreErrors")
            for page in context.pages:
                page.close()

    def close(self) -> None:
        """Close everything."""
        for context in self._contexts.values():
            context.close()


@pytest.fixture(scope="module")
def kept_profiles(browser: Browser) -> Iterator[Profiles]:
    """The profiles of all tests of a module."""
    profiles = Profiles(browser)
    yield profiles
    profiles.close()


@pytest.fixture
def profiles(kept_profiles: Profiles) -> Iterator[Profiles]:
    """The profiles, whose pages are closed after the test."""
    yield kept_profiles
    kept_profiles.put_away()


def ask(page: Page, instance: Instance, token: str, method: str, path: str, body: Any = None) -> Any:
    """What the API answers the person of a page, whatever that page shows."""
    headers = {"X-CSRF-Token": token}
    answer = page.request.fetch(f"{instance.address}/api/v2{path}", method=method, data=body, headers=headers)
    text = answer.text()
    if not answer.ok:
        raise AssertionError(f"{method} {path}: {answer.status} {text}")
    return answer.json() if text else None
