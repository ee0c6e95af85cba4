"""Readers of pictures, opened in limited processes only, by the name of their driver."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exact_core.api.drivers import ImageSource


def open_source(driver: str, path: Path) -> ImageSource:
    """Open a file with a named driver."""
    from exact_core.api.drivers import IMAGE_SOURCES
    from exact_core.kernel.drivers import open_driver

    source: ImageSource = open_driver(IMAGE_SOURCES, driver)(path)
    return source
