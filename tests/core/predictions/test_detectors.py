"""The built-in models: what they find on drawn and on real pictures, and that neither tiles nor areas change it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely
from PIL import Image as Pictures
from pydantic import ValidationError

from exact_core.api.annotations import Region
from exact_core.api.errors import Invalid
from exact_core.detectors import nuclei
from exact_core.detectors.nuclei import NucleusDetector
from exact_core.detectors.settings import NucleusSettings, TissueSettings
from exact_core.detectors.tissue import TissueFinder, traced
from exact_core.tiles.sources import open_source
from tests.core.predictions.readers import Kept, PictureReader

PINK, BLUE = (225, 180, 205), (70, 40, 120)


def drawn(places: list[tuple[int, int]], side: int = 400, radius: int = 5) -> np.ndarray:
    """Pink tissue with glass around it, and blue discs at these places."""
    picture = np.full((side, side, 3), 245, np.uint8)
    picture[60:-60, 60:-60] = PINK
    y, x = np.mgrid[0:side, 0:side]
    for cx, cy in places:
        picture[(x + 0.5 - cx) ** 2 + (y + 0.5 - cy) ** 2 <= radius**2] = BLUE
    return picture


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles as large as the pictures have use for."""
    monkeypatch.setattr(nuclei, "_TILE", 256)


def nuclei_of(reader: PictureReader, area: Region | None = None, **settings: float) -> Kept:
    found = Kept()
    NucleusDetector(None, NucleusSettings(**settings), "cpu").predict(reader, area, found, lambda _share, _said: None)
    return found


def as_polygons(found: Kept) -> list[shapely.Polygon]:
    return [shapely.Polygon(rings[0], rings[1:]) for rings in found.outlines]


PLACES = [(100, 100), (255, 175), (259, 257), (125, 256), (310, 110), (319, 110)]


def test_discs_are_found_where_they_were_drawn() -> None:
    found = as_polygons(nuclei_of(PictureReader(drawn(PLACES))))
    assert len(found) == len(PLACES)
    for cx, cy in PLACES:
        [hit] = [each for each in found if each.contains(shapely.Point(cx, cy))]
        middle = hit.centroid
        touching = cy == 110  # the two that touch share a border
        assert abs(middle.x - cx) < (2 if touching else 0.5)
        assert abs(middle.y - cy) < 0.5
        assert hit.is_valid
        assert 0.6 < hit.area / (np.pi * 25) < 1.6


def test_tiles_and_areas_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(2)
    places = [tuple(each) for each in random.integers(100, 300, (90, 2)).tolist()]
    reader = PictureReader(drawn(places))
    whole = {tuple(np.round(rings[0].mean(axis=0), 6)) for rings in nuclei_of(reader).outlines}
    assert len(whole) > 40
    monkeypatch.setattr(nuclei, "_TILE", 110)
    small = {tuple(np.round(rings[0].mean(axis=0), 6)) for rings in nuclei_of(reader).outlines}
    assert small == whole
    area = Region(1, 1, 120, 140, 260, 250)
    part = {tuple(np.round(rings[0].mean(axis=0), 6)) for rings in nuclei_of(reader, area).outlines}
    assert part < whole
    sure = {each for each in whole if 126 < each[0] < 254 and 146 < each[1] < 244}
    assert sure <= part
    assert all(114 < x < 266 and 134 < y < 256 for x, y in part)


def test_sizes_are_in_micrometres() -> None:
    picture = drawn(PLACES[:4])
    areas = np.array([each.area for each in as_polygons(nuclei_of(PictureReader(picture)))])
    assert nuclei_of(PictureReader(picture), smallest=areas.max() + 20).shapes == []
    assert len(nuclei_of(PictureReader(picture, mpp=None), assumed_mpp=1).outlines) == 4
    coarse = nuclei_of(PictureReader(picture, mpp=4.0))  # the discs are 40 µm wide then
    assert coarse.shapes == []
    with pytest.raises(Invalid, match="smallest"):
        NucleusDetector(None, NucleusSettings(smallest=200, largest=100), "cpu")
    with pytest.raises(ValidationError):
        NucleusSettings(contrast=7)


def test_pictures_without_colour_are_refused() -> None:
    reader = PictureReader(drawn([]), is_color=False)
    with pytest.raises(Invalid, match="colour"):
        nuclei_of(reader)


def test_an_empty_slide_has_neither_nuclei_nor_tissue() -> None:
    noise = np.random.default_rng(1).normal(0, 2, (400, 400, 1))
    reader = PictureReader(np.clip(240 + noise.repeat(3, axis=2), 0, 255).astype(np.uint8))
    assert nuclei_of(reader).shapes == []
    found = Kept()
    TissueFinder(None, TissueSettings(), "cpu").predict(reader, None, found, lambda _share, _said: None)
    assert found.shapes == []
    assert found.maps["probability"].max() < 128


def test_tissue_has_its_holes_and_its_map() -> None:
    picture = drawn([], 1_000)
    picture[300:500, 350:600] = 245
    found = Kept()
    settings = TissueSettings(resolution=4, smallest_hole=0.001)
    TissueFinder(None, settings, "cpu").predict(PictureReader(picture), None, found, lambda _share, _said: None)
    [rings] = found.outlines
    [shapes] = found.shapes
    assert len(rings) == 2
    assert shapely.Polygon(rings[0]).area == pytest.approx(880**2, rel=0.02)
    assert shapely.Polygon(rings[1]).area == pytest.approx(200 * 250, rel=0.08)
    assert shapes.scores[0] > 0.9
    values = found.maps["probability"]
    assert values.shape == (250, 250)
    assert values[125, 50] > 200
    assert values[2, 2] < 50
    part = Kept()
    area = Region(1, 1, 0, 0, 250, 1_000)
    TissueFinder(None, settings, "cpu").predict(PictureReader(picture), area, part, lambda _share, _said: None)
    assert np.array_equal(part.maps["probability"], values[:, :63])


def test_tracing_joins_holes_with_the_piece_around_them() -> None:
    values = np.zeros((60, 60), np.float32)
    values[5:45, 5:45] = 1
    values[15:35, 15:35] = 0
    values[20:30, 20:30] = 1
    found = sorted(traced(values, 0.5, 4, 4), key=len)
    assert [len(rings) for rings in found] == [1, 2]
    assert shapely.Polygon(found[0][0]).area == pytest.approx(100, abs=12)
    assert shapely.Polygon(found[1][0], found[1][1:]).area == pytest.approx(1_200, abs=30)
    assert [len(rings) for rings in traced(values, 0.5, 150, 500)] == [1]


@pytest.mark.data
def test_nuclei_of_a_real_slide(shared_data: Path) -> None:
    source = open_source("openslide", shared_data / "01-wsi" / "CMU-1-Small-Region.svs")
    try:
        pixels = source.read(0, 900, 900, 300, 300, 0, 0, 0)
    finally:
        source.close()
    found = nuclei_of(PictureReader(np.ascontiguousarray(pixels), mpp=0.499))
    polygons = as_polygons(found)
    assert 60 < len(polygons) < 160
    assert sum(each.is_valid for each in polygons) > 0.98 * len(polygons)
    scores = np.concatenate([each.scores for each in found.shapes])
    assert 0.2 <= scores.min() < scores.max() < 1
    dark = np.asarray(Pictures.fromarray(pixels).convert("L"))
    inside = np.zeros(dark.shape, bool)
    y, x = np.mgrid[0:300, 0:300] + 0.5
    for each in polygons:
        inside |= shapely.contains_xy(each, x.ravel(), y.ravel()).reshape(inside.shape)
    assert dark[inside].mean() < dark[~inside].mean() - 40
