"""Live counts within an area of a set size, and the place where most lies."""

from __future__ import annotations

from exact_core.api import AnnotationReader, ImageInfo, PluginError, Region
from exact_screening import hotspot
from exact_screening.grid import Box
from exact_screening.schemas import CountOut
from exact_screening.settings import ScreeningSettings
from exact_screening.viewing import square_millimetres


def count_around(
    reader: AnnotationReader, image: ImageInfo, settings: ScreeningSettings, x: float, y: float, *, z: int, t: int
) -> CountOut:
    """Count what the asking person may see within the area around a point."""
    width, height = _window(image, settings)
    box = hotspot.around(x, y, width, height, image.width, image.height)
    return _counted(reader, image, settings, box, z, t)


def find_hotspot(
    reader: AnnotationReader, image: ImageInfo, settings: ScreeningSettings, *, z: int, t: int
) -> CountOut | None:
    """The area that holds most of what the asking person may see; None where there is nothing."""
    width, height = _window(image, settings)
    cell = hotspot.cell_for(width, height, image.width, image.height)
    counts = {
        place: total
        for place, types in reader.grid_counts(Region.whole(image, z=z, t=t), cell).items()
        if (total := sum(count for kind, count in types.items() if settings.counts(kind.name)))
    }
    found = hotspot.densest(counts, cell, width, height, image.width, image.height)
    return None if found is None else _counted(reader, image, settings, found.box, z, t)


def _window(image: ImageInfo, settings: ScreeningSettings) -> tuple[int, int]:
    if not image.mpp_x:
        raise PluginError(422, "no-scale", "This image has no scale, so that no area in mm² can be laid on it.")
    return hotspot.window_size(settings.count_area, settings.count_aspect, image.mpp_x, image.mpp_y or image.mpp_x)


def _counted(
    reader: AnnotationReader, image: ImageInfo, settings: ScreeningSettings, box: Box, z: int, t: int
) -> CountOut:
    region = Region(image.id, image.image_set_id, box.x0, box.y0, box.x1, box.y1, z, t)
    types: dict[str, int] = {}
    for kind, count in reader.count_by_type(region).items():
        if settings.counts(kind.name):
            types[kind.name] = types.get(kind.name, 0) + count
    return CountOut(
        x0=box.x0,
        y0=box.y0,
        x1=box.x1,
        y1=box.y1,
        area_mm2=square_millimetres(image, box.area),
        total=sum(types.values()),
        types=dict(sorted(types.items(), key=lambda each: (-each[1], each[0]))),
    )
