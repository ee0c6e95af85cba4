"""A user's own template as an export format: streamed, one text for each annotation, between headers and footers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, BinaryIO, cast

from exact_core.exchange.document import ExchangeImage, ExportDocument, Format, Report
from exact_core.exchange.template_language import Budget, Escape, Language, Part
from exact_core.exchange.template_values import annotation_values, document_values, image_values

PARTS = ("header", "image_header", "body", "image_footer", "footer")
_PIECE = 256 * 1024
_MEDIA_TYPES = {
    ".json": "application/json",
    ".geojson": "application/geo+json",
    ".csv": "text/csv",
    ".xml": "application/xml",
}


@dataclass(frozen=True, slots=True)
class TemplateTexts:
    """The texts of a template, and how they are written; see the model ``ExportTemplate``."""

    name: str
    extension: str = ".txt"
    scope: str = "set"
    escape: str = "none"
    header: str = ""
    image_header: str = ""
    body: str = ""
    separator: str = ""
    image_footer: str = ""
    footer: str = ""

    @property
    def parts(self) -> Mapping[str, str]:
        """The texts with placeholders, by name."""
        return {name: getattr(self, name) for name in PARTS}


def compiled(texts: TemplateTexts, budget: Budget | None = None) -> dict[str, Part]:
    """The parts of a template, checked; ``TemplateFailure`` says which line of which part is wrong."""
    language = Language(cast("Escape", texts.escape), budget)
    return {name: language.part(name, text) for name, text in texts.parts.items() if text or name == "body"}


def template_format(texts: TemplateTexts) -> Format:
    """A template as a format; raises ``TemplateFailure`` when it is wrong."""
    compiled(texts)
    return Format(
        name="template",
        title=texts.name,
        extension=texts.extension,
        media_type=_MEDIA_TYPES.get(texts.extension, "text/plain"),
        one_image=texts.scope == "image",
        sniff=lambda _head, _name: 0,
        read=None,
        write=partial(_write, texts),
        has_verification=True,
    )


def filled(texts: TemplateTexts, document: ExportDocument, budget: Budget | None = None) -> Iterator[str]:
    """The pieces of a file, one after another."""
    parts = compiled(texts, budget)
    common = document_values(document)
    number = 0
    yield _part(parts, "header", common)
    for image in document.images:
        about = {**common, "image": image_values(image)}
        yield _part(parts, "image_header", about)
        for shape in document.shapes(image):
            if number and texts.separator:
                yield texts.separator
            number += 1
            yield parts["body"].filled({**about, "annotation": annotation_values(shape, image), "number": number})
        yield _part(parts, "image_footer", about)
    yield _part(parts, "footer", {**common, "number": number})


def first_annotations(document: ExportDocument, image_id: int | None, most: int) -> ExportDocument:
    """The same document with a few annotations: of one image, or of the first that has some."""
    for image in document.images:
        if image_id is not None and image.id != image_id:
            continue
        shapes = list(islice(document.shapes(image), most))
        if shapes or image_id is not None:
            return cast("ExportDocument", _Few(document, [image], shapes))
    return cast("ExportDocument", _Few(document, list(document.images)[:1], []))


class _Few:
    """A document of one image and annotations that are at hand."""

    def __init__(self, whole: ExportDocument, images: list[ExchangeImage], shapes: list[Any]) -> None:
        self.title, self.types, self.facts = whole.title, whole.types, whole.facts
        self.images = images
        self.count = len(shapes)
        self._shapes = shapes

    def shapes(self, _image: ExchangeImage) -> Iterator[Any]:
        """The annotations."""
        return iter(self._shapes)


def _part(parts: Mapping[str, Part], name: str, values: Mapping[str, Any]) -> str:
    return parts[name].filled(values) if name in parts else ""


def _write(texts: TemplateTexts, document: ExportDocument, target: BinaryIO, _report: Report) -> None:
    waiting = bytearray()
    for piece in filled(texts, document):
        waiting += piece.encode("utf-8", "replace")
        if len(waiting) > _PIECE:
            target.write(bytes(waiting))
            waiting.clear()
    target.write(bytes(waiting))
