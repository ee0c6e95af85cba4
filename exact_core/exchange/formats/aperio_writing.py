"""Writing Aperio ImageScope's XML: a layer for each type, set aside until its turn comes."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import partial
from typing import BinaryIO, cast

from exact_core.api.contributions import Shape
from exact_core.exchange.colors import bgr_of_color
from exact_core.exchange.document import (
    ExchangeImage,
    ExchangeType,
    ExportDocument,
    Report,
    Ring,
    WrittenShape,
)
from exact_core.exchange.extras import Extras, extras_of, label_of, part_extras, tell_labels
from exact_core.exchange.numbers import compact, spelled, spelled_value
from exact_core.exchange.outlines import (
    box_outline,
    image_outline,
)
from exact_core.exchange.rings import level0_rings
from exact_core.exchange.xml_writing import XmlWriter

_WRITTEN_TYPES = {Shape.BOX: 1, Shape.IMAGE: 1, Shape.ABSENT: 1, Shape.ELLIPSE: 2, Shape.LINE: 4, Shape.POINT: 5}


def write_aperio(document: ExportDocument, stream: BinaryIO, report: Report) -> None:
    """Write one image."""
    image = document.images[0]
    out = XmlWriter(stream, report)
    resolution = f' MicronsPerPixel="{spelled(image.mpp_x)}"' if image.mpp_x else ""
    out.raw(f'<?xml version="1.0" encoding="UTF-8"?>\n<Annotations{resolution}>\n')
    out.flush()
    layers: dict[tuple[int, bool], _Layer] = {}  # by type; what is absent has layers of its own
    try:
        for shape in document.shapes(image):
            key = shape.type.id, shape.geometry.shape is Shape.ABSENT
            layer = layers.get(key)
            if layer is None:
                layer = layers[key] = _Layer(replace(shape.type, name=label_of(shape)), report)
            layer.write(shape, image)
        types = {(found.id, False): found for found in document.types}
        types |= {key: layer.type for key, layer in layers.items()}
        for index, (key, found) in enumerate(sorted(types.items(), key=lambda each: each[0]), start=1):
            _write_layer(out, stream, index, found, layers.pop(key, None))
    finally:
        for layer in layers.values():
            layer.file.close()
    out.raw("</Annotations>\n")
    out.flush()


def _write_layer(out: XmlWriter, stream: BinaryIO, index: int, found: ExchangeType, layer: _Layer | None) -> None:
    out.raw(
        f' <Annotation Id="{index}" Name={out.quoted(found.name)} ReadOnly="0" NameReadOnly="0" LineColorReadOnly="0" '
        f'Incremental="0" Type="4" LineColor="{bgr_of_color(found.color)}" Visible="1" Selected="0" MarkupImagePath="" '
        'MacroName="">\n  <Attributes/>\n  <Regions>\n'
    )
    out.flush()
    if layer is not None:
        layer.out.flush()
        layer.file.seek(0)
        for piece in iter(partial(layer.file.read, 1 << 20), b""):
            stream.write(piece)
        layer.file.close()
    out.raw("  </Regions>\n  <Plots/>\n </Annotation>\n")


class _Layer:
    """The regions of one type, set aside until its turn comes."""

    def __init__(self, found: ExchangeType, report: Report) -> None:
        self.file = cast("BinaryIO", tempfile.SpooledTemporaryFile(max_size=1 << 20))  # noqa: SIM115 - closed by write
        self.type = found
        self.out = XmlWriter(self.file, report)
        self._report = report
        self._count = 0

    def write(self, shape: WrittenShape, image: ExchangeImage) -> None:
        """Write an annotation as one region, or one for each of its rings."""
        kind = shape.geometry.shape
        rings = level0_rings(shape.geometry)
        if kind is Shape.BOX or kind.is_label:
            rings = [box_outline(rings[0]) if rings else image_outline(image.width, image.height)]
        _tell(kind, shape, self._report)
        native = kind in (Shape.POINT, Shape.BOX, Shape.ELLIPSE, Shape.LINE, Shape.POLYGON)
        extras = extras_of(shape, leave_out=("text", "attributes", *(("shape",) if native else ())))
        holes = shape.geometry.ring_holes
        for index, ring in enumerate(rings):
            first = index == 0
            hole = not first and holes[index]
            self._region(
                _WRITTEN_TYPES.get(kind, 0),
                ring,
                extras if first else part_extras(shape, index, hole),
                hole,
                shape,
                first,
            )

    def _region(
        self, kind: int, ring: Ring, extras: Extras, hole: bool, shape: WrittenShape, with_attributes: bool
    ) -> None:
        out = self.out
        self._count += 1
        out.raw(
            f'   <Region Id="{self._count}" Type="{kind}" Zoom="1" Selected="0" ImageLocation="" ImageFocus="-1" '
            f'Text={out.quoted(shape.text if with_attributes else "")} NegativeROA="{int(hole)}" InputRegionId="0" '
            f'Analyze="1" DisplayId="{self._count}">\n    <Attributes>'
        )
        for name, value in shape.attributes.items() if with_attributes else ():
            safe = name if name not in ("exact", "") else f"_{name}"
            out.raw(f'<Attribute Name={out.quoted(safe)} Id="0" Value={out.quoted(spelled_value(value))}/>')
        out.raw(f'<Attribute Name="exact" Id="0" Value={out.quoted(compact(extras))}/></Attributes>\n    <Vertices>')
        out.raw("".join(f'<Vertex X="{spelled(x)}" Y="{spelled(y)}" Z="0"/>' for x, y in ring.tolist()))
        out.raw("</Vertices>\n   </Region>\n")


def _tell(kind: Shape, shape: WrittenShape, report: Report) -> None:
    if kind is Shape.MULTI_POLYGON:
        report.lose("multi-polygons: written as separate regions, which only EXACT joins again")
    elif kind is Shape.ROTATED_BOX:
        report.lose("rotated boxes: drawn as polygons, which only EXACT reads back as boxes")
    elif kind is Shape.POLYLINE:
        report.lose("polylines: other programs may close them to areas")
    tell_labels(shape, report)
    if shape.frame.z >= 0 or shape.frame.t >= 0 or shape.frame.c >= 0:
        report.lose("planes of stacks: only EXACT reads them back")
