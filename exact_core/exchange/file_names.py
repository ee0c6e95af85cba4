"""Names of exported files: safe on every file system, each once."""

from __future__ import annotations

import re
from collections.abc import Sequence

from exact_core.exchange.document import ExchangeImage

_NOT_IN_FILE_NAMES = re.compile(r"[^\w.()+ -]+")


def member_names(images: Sequence[ExchangeImage], extension: str) -> list[str]:
    """A file name for each image, each once whatever the case: after the original name where that is shown."""
    taken: set[str] = set()
    names = []
    for image in images:
        stem = stem_of(image)
        if stem.casefold() in taken:
            stem = f"{stem}-{image.id}"
        taken.add(stem.casefold())
        names.append(f"{stem}{extension}")
    return names


def stem_of(image: ExchangeImage) -> str:
    """What files about an image are called: its original name without the suffix where that is shown, or its name."""
    if image.file_name:
        return safe_name(image.file_name.rpartition(".")[0] or image.file_name)
    return safe_name(image.name)


def safe_name(name: str) -> str:
    """A name that every file system takes, without parts of a path."""
    return _NOT_IN_FILE_NAMES.sub("_", name).strip(" .")[:120] or "annotations"
