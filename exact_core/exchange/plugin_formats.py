"""Formats that plugins bring, as the core's own see them; what fails in a plugin's code is blamed on the plugin."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from exact_core.annotations.scope import Frame
from exact_core.api.contributions import Shape
from exact_core.api.errors import ExactError, Invalid
from exact_core.api.exchange import ExchangedImage, ExportedShape, Exporter, ImportedShape, Importer
from exact_core.exchange.document import (
    ExchangeImage,
    ExportDocument,
    Format,
    ReadContext,
    ReadShape,
    Report,
    WrittenShape,
)
from exact_core.exchange.refusing import refuse
from exact_core.exchange.registry import all_built_in
from exact_core.exchange.rings import level0_rings
from exact_core.kernel.dispatch import blamed_on, call_alone

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from exact_core.kernel import Kernel


def formats_in(kernel: Kernel, image_set_id: int) -> list[Format]:
    """The core's formats, and those of the plugins that are on in an image set."""
    enabled = kernel.activation.enabled(image_set_id)
    found: dict[str, Format] = {}
    for plugin, importer in kernel.index.importers():
        if plugin in enabled:
            found[importer.name] = _PluginFormat(kernel, plugin, image_set_id, importer.name, importer).format()
    for plugin, exporter in kernel.index.exporters():
        if plugin in enabled:
            known = found.get(exporter.name)
            made = _PluginFormat(kernel, plugin, image_set_id, exporter.name, None, exporter).format()
            found[exporter.name] = made if known is None else _joined(known, made)
    return [*all_built_in(), *found.values()]


def format_in(kernel: Kernel, image_set_id: int, name: str) -> Format:
    """One format by its name."""
    formats = formats_in(kernel, image_set_id)
    for each in formats:
        if each.name == name:
            return each
    raise Invalid(f"The format {name!r} is unknown here; there are: {', '.join(each.name for each in formats)}.")


def _joined(read: Format, written: Format) -> Format:
    return Format(
        written.name,
        written.title,
        written.extension,
        written.media_type,
        written.one_image,
        read.sniff,
        read.read,
        written.write,
        plugin=written.plugin,
    )


@dataclass(frozen=True, slots=True)
class _PluginFormat:
    """One importer or exporter of a plugin that is on in an image set."""

    kernel: Kernel
    plugin: str
    image_set_id: int
    name: str
    importer: Importer | None = None
    exporter: Exporter | None = None

    def format(self) -> Format:
        """The form that the core uses."""
        writes = self.exporter
        title = writes.title if writes else self.importer.title if self.importer else self.name
        return Format(
            self.name,
            title,
            writes.extension if writes else "",
            writes.media_type if writes else "application/octet-stream",
            writes.one_image if writes else False,
            self.sniff,
            self.read if self.importer else None,
            self.write if writes else None,
            plugin=self.plugin,
        )

    def sniff(self, head: bytes, file_name: str) -> int:
        """How sure the plugin is; 0 when its code fails."""
        asked = self.importer.sniff if self.importer else None
        if asked is None:
            return 0
        sure, error = call_alone(lambda: asked(head, file_name))
        if error is not None:
            self.kernel.faults.record(self.plugin, f"sniff of {self.name}", error, self.image_set_id)
        return max(0, min(100, sure)) if isinstance(sure, int) else 0

    def read(self, stream: BinaryIO, context: ReadContext) -> Iterator[ReadShape]:
        """The shapes of a file."""
        assert self.importer is not None
        with self._blamed("importer"):
            shapes = iter(_imported(self.importer.read)(stream, _Context(context)))
        while True:
            with self._blamed("importer"):
                found = next(shapes, None)
                if found is not None and not isinstance(found, ImportedShape):
                    raise TypeError(f"{self.importer.read} yielded {type(found).__name__}, not ImportedShape")
            if found is None:
                return
            try:
                yield read_shape(found)
            except (TypeError, ValueError) as error:
                refuse(context.report, str(found.place), f"The plugin gave no proper shape ({error}).")

    def write(self, document: ExportDocument, target: BinaryIO, report: Report) -> None:
        """Write a document."""
        assert self.exporter is not None
        with self._blamed("exporter"):
            _imported(self.exporter.write)(_Source(document), target, report)

    def _blamed(self, what: str) -> AbstractContextManager[None]:
        place = f"{what} {self.name}"
        return blamed_on(self.kernel.faults, self.plugin, place, self.image_set_id, passes=(ExactError, GeneratorExit))


@dataclass(frozen=True, slots=True)
class _Context:
    """What the core knows, as importers see it."""

    context: ReadContext

    @property
    def images(self) -> Sequence[ExchangedImage]:
        """The images that the import may be about."""
        return [_image(each) for each in self.context.images]

    @property
    def labels(self) -> Sequence[str]:
        """Names of the annotation types."""
        return [each.name for each in self.context.types]

    @property
    def file_name(self) -> str:
        """What the file is called."""
        return self.context.file_name

    @property
    def report(self) -> Report:
        """What is lost."""
        return self.context.report


class _Source:
    """A document, as exporters see it."""

    def __init__(self, document: ExportDocument) -> None:
        self._document = document
        self._images = {image.id: image for image in document.images}
        self.title: str = document.title
        self.images: Sequence[ExchangedImage] = [_image(each) for each in document.images]
        self.facts: Mapping[str, Any] = dict(document.facts)

    def shapes(self, image: ExchangedImage) -> Iterator[ExportedShape]:
        """The annotations of one image."""
        return (exported(shape) for shape in self._document.shapes(self._images[image.id]))


def exported(shape: WrittenShape) -> ExportedShape:
    """An annotation as plain values."""
    kind, geometry = shape.type, shape.geometry
    rings = [[(x, y) for x, y in ring.tolist()] for ring in level0_rings(geometry)]
    return ExportedShape(
        shape.id,
        shape.uuid,
        kind.name,
        kind.product,
        kind.color,
        geometry.shape,
        rings,
        tuple(geometry.ring_holes),
        (shape.frame.z, shape.frame.t, shape.frame.c),
        shape.text,
        dict(shape.attributes),
        shape.claimed_author or shape.author,
        shape.created_at,
        shape.edited_at,
    )


def _image(image: ExchangeImage) -> ExchangedImage:
    return ExchangedImage(image.id, image.file_name or image.name, image.width, image.height, image.mpp_x, image.mpp_y)


def read_shape(found: ImportedShape) -> ReadShape:
    """A shape of a plugin as the core's own readers give it."""
    rings = [np.asarray(ring, np.float64).reshape(-1, 2) for ring in found.rings]
    shape = Shape(found.shape)
    holes = list(found.holes) or [shape is Shape.POLYGON and place > 0 for place in range(len(rings))]
    return ReadShape(
        str(found.place),
        str(found.label),
        shape,
        rings,
        holes,
        image=found.image,
        frame=None if found.frame is None else Frame(*map(int, found.frame)),
        uuid=found.uuid,
        text=str(found.text),
        attributes=dict(found.attributes),
        author=str(found.author),
        score=found.score,
        color=found.color,
    )


def _imported(dotted: str) -> Callable[..., Any]:
    module, _, attribute = dotted.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    return function
