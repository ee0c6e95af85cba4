"""What a page says to its console that is not right."""

from __future__ import annotations

from playwright.sync_api import ConsoleMessage, Page

_DRIVER = "GL Driver Message (OpenGL, Performance"
"""Software that draws WebGL remarks that a picture is read back, which is how it reaches the page here."""


def is_trouble(message: ConsoleMessage) -> bool:
    """Whether a message is an error or a warning of the page itself."""
    return message.type in {"error", "warning"} and _DRIVER not in message.text


def listen(page: Page) -> list[str]:
    """A list that grows with each error and warning of a page."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if is_trouble(message) else None)
    return said
