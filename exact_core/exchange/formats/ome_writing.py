"""Writing OME-XML: schema 2016-06, regions of interest without pixels."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from exact_core.api.contributions import Shape
from exact_core.exchange.colors import rgba_of_color
from exact_core.exchange.document import ExchangeImage, ExportDocument, Report, Ring, WrittenShape
from exact_core.exchange.extras import extras_of, label_of, tell_labels
from exact_core.exchange.numbers import compact, spelled, spelled_value
from exact_core.exchange.rings import level0_rings
from exact_core.exchange.xml_writing import XmlWriter

SCHEMA = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
PAIRS = "openmicroscopy.org/omero/client/mapAnnotation"
MARK = "[exact] "
"""What our object in the description of a ROI stands after."""


def write_ome(document: ExportDocument, stream: BinaryIO, report: Report) -> None:
    """Write images without pixels, key-value pairs and ROIs, in the order that the schema asks for."""
    out = XmlWriter(stream, report)
    out.raw(f'<?xml version="1.0" encoding="UTF-8"?>\n<OME xmlns="{SCHEMA}" Creator="EXACT">\n')
    for index, image in enumerate(document.images):
        size = "".join(
            f' PhysicalSize{axis}="{spelled(mpp)}" PhysicalSize{axis}Unit="µm"'
            for axis, mpp in (("X", image.mpp_x), ("Y", image.mpp_y))
            if mpp
        )
        out.raw(
            f'  <Image ID="Image:{index}" Name={out.quoted(image.name)}>\n    <Pixels ID="Pixels:{index}" '
            f'DimensionOrder="XYZCT" Type="uint8" SizeX="{image.width}" SizeY="{image.height}" SizeZ="{image.size_z}" '
            f'SizeC="{image.size_c}" SizeT="{image.size_t}"{size}>\n      <MetadataOnly/>\n    </Pixels>\n'
        )
        for shape in document.shapes(image):
            out.raw(f'    <ROIRef ID="ROI:{shape.uuid}"/>\n')
        out.raw("  </Image>\n")
    started = False
    for image in document.images:
        for shape in document.shapes(image):
            if shape.attributes:
                out.raw("" if started else "  <StructuredAnnotations>\n")
                started = True
                _write_pairs(out, shape)
    out.raw("  </StructuredAnnotations>\n" if started else "")
    for image in document.images:
        for shape in document.shapes(image):
            _write_roi(out, shape, image, report)
    out.raw("</OME>\n")
    out.flush()


def _write_pairs(out: XmlWriter, shape: WrittenShape) -> None:
    out.raw(f'    <MapAnnotation ID="Annotation:{shape.uuid}" Namespace="{PAIRS}">\n      <Value>')
    for name, value in shape.attributes.items():
        out.raw(f"<M K={out.quoted(name)}>{out.text(spelled_value(value))}</M>")
    out.raw("</Value>\n    </MapAnnotation>\n")


def _write_roi(out: XmlWriter, shape: WrittenShape, image: ExchangeImage, report: Report) -> None:
    kind = shape.geometry.shape
    holes = [index for index, hole in enumerate(shape.geometry.ring_holes) if hole]
    if holes:
        report.lose("holes: polygons of the same ROI, which only EXACT cuts out; other programs fill them")
    tell_labels(shape, report)
    extras = extras_of(shape, leave_out=("uuid", "text", "attributes", "frame"))
    if kind not in (Shape.ROTATED_BOX, Shape.MULTI_POLYGON) and not kind.is_label:
        del extras["shape"]
    if holes:
        extras["holes"] = holes
    out.raw(f'  <ROI ID="ROI:{shape.uuid}" Name={out.quoted(label_of(shape))}>\n    <Union>\n')
    planes = zip("ZTC", (shape.frame.z, shape.frame.t, shape.frame.c), strict=True)
    common = f' StrokeColor="{rgba_of_color(shape.type.color)}"'
    common += "".join(f' The{axis}="{plane}"' for axis, plane in planes if plane >= 0)
    rings = level0_rings(shape.geometry) or [np.array([[0.0, 0.0], [image.width, image.height]])]
    for index, ring in enumerate(rings):
        text = f" Text={out.quoted(shape.text)}" if shape.text and index == 0 else ""
        drawn = _element(kind, ring, f'ID="Shape:{shape.uuid}:{index}"{common}{text}')
        out.raw(f"      {drawn}\n")
    out.raw("    </Union>\n")
    if shape.attributes:
        out.raw(f'    <AnnotationRef ID="Annotation:{shape.uuid}"/>\n')
    if extras:
        out.raw(f"    <Description>{out.text(MARK + compact(extras))}</Description>\n")
    out.raw("  </ROI>\n")


def _element(kind: Shape, ring: Ring, common: str) -> str:
    if kind in (Shape.POLYGON, Shape.MULTI_POLYGON, Shape.POLYLINE):
        points = " ".join(f"{spelled(x)},{spelled(y)}" for x, y in ring.tolist())
        return f'<{"Polyline" if kind is Shape.POLYLINE else "Polygon"} {common} Points="{points}"/>'
    if kind is Shape.POINT:
        (x, y), *_ = ring.tolist()
        return f'<Point {common} X="{spelled(x)}" Y="{spelled(y)}"/>'
    if kind is Shape.ROTATED_BOX:
        return _rotated(ring, common)
    (x0, y0), (x1, y1) = ring.tolist()
    if kind is Shape.LINE:
        return f'<Line {common} X1="{spelled(x0)}" Y1="{spelled(y0)}" X2="{spelled(x1)}" Y2="{spelled(y1)}"/>'
    if kind is Shape.ELLIPSE:
        radii = f'RadiusX="{spelled((x1 - x0) / 2)}" RadiusY="{spelled((y1 - y0) / 2)}"'
        return f'<Ellipse {common} X="{spelled((x0 + x1) / 2)}" Y="{spelled((y0 + y1) / 2)}" {radii}/>'
    size = f'Width="{spelled(x1 - x0)}" Height="{spelled(y1 - y0)}"'
    return f'<Rectangle {common} X="{spelled(x0)}" Y="{spelled(y0)}" {size}/>'


def _rotated(ring: Ring, common: str) -> str:
    """A rectangle that a transform turns; a polygon, where rounded corners make it no exact rectangle."""
    a, b, c, d = ring
    along, across = b - a, d - a
    width, height = float(np.hypot(*along)), float(np.hypot(*across))
    if np.abs(b + d - a - c).max() > 1e-6:
        points = " ".join(f"{spelled(x)},{spelled(y)}" for x, y in ring.tolist())
        return f'<Polygon {common} Points="{points}"/>'
    matrix = zip(("A00", "A10", "A01", "A11", "A02", "A12"), (*along / width, *across / height, *a), strict=True)
    transform = " ".join(f'{name}="{spelled(value)}"' for name, value in matrix)
    size = f'Width="{spelled(width)}" Height="{spelled(height)}"'
    return f'<Rectangle {common} X="0" Y="0" {size}><Transform {transform}/></Rectangle>'
