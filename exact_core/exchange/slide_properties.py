"""What the slide's own file says about it, where the image carries it: named as OpenSlide names it.

Where they are not known, formats that need them say what they assume.
"""

from __future__ import annotations

import contextlib
import math
from pathlib import PurePath

from exact_core.api.errors import Invalid
from exact_core.exchange.document import ExchangeImage, ReadContext


def slide_property(image: ExchangeImage, name: str) -> str | None:
    """A property as text; None when it is not known."""
    value = image.properties.get(name)
    return str(value) if value not in (None, "") else None


def slide_number(image: ExchangeImage, name: str) -> float | None:
    """A property as a finite number; None when it is not known."""
    with contextlib.suppress(ValueError):
        value = float(slide_property(image, name) or "nan")
        return value if math.isfinite(value) else None
    return None


def likely_image(context: ReadContext) -> ExchangeImage | None:
    """The image of a file that names none: the only one, or the one that the file is named after; None if unclear."""
    if context.only_image is not None:
        return context.only_image
    name = PurePath(context.file_name).name
    for image in context.images:
        for known in (image.file_name, image.name):
            if known and (name == known or name.startswith(f"{known}.") or PurePath(known).stem == PurePath(name).stem):
                return image
    return None


def image_of_file(context: ReadContext, what: str) -> ExchangeImage:
    """The image of a file that names none; ``Invalid`` when it is not clear which."""
    image = likely_image(context)
    if image is None:
        raise Invalid(f"The {what} file does not say of which image it is; import it for one image.")
    return image
