"""The nucleus detector on composed tissue."""

from __future__ import annotations

import numpy as np
import openslide
import pytest
import pyvips
from scipy.spatial import cKDTree

from exact_core.demo.nuclei import find_nuclei
from exact_core.demo.tissue import make_tissue
from exact_core.detectors.nuclei import NucleusDetector
from exact_core.detectors.settings import NucleusSettings
from tests.core.predictions.readers import Kept, PictureReader


@pytest.fixture(scope="module")
def slide(tmp_path_factory):
    """A small pyramid: tissue in the upper left quarter, glass elsewhere."""
    path = tmp_path_factory.mktemp("demo") / "slide.tif"
    picture = np.full((2048, 2048, 3), 243, np.uint8)
    picture[:1024, :1024] = make_tissue(1024, brownness=1.2, seed=4)
    image = pyvips.Image.new_from_array(picture)
    image.tiffsave(str(path), tile=True, pyramid=True, tile_width=256, tile_height=256, compression="jpeg", Q=90)
    return path


@pytest.fixture(scope="module")
def nuclei(slide):
    return find_nuclei(slide, most=10_000)


def test_nuclei_are_found_in_the_tissue_and_not_on_glass(nuclei):
    assert len(nuclei.grades) > 100
    centres = (nuclei.boxes[:, :2] + nuclei.boxes[:, 2:]) / 2
    assert (centres < 1040).all()


def test_boxes_have_the_size_of_nuclei_and_lie_in_the_slide(nuclei):
    sizes = nuclei.boxes[:, 2:] - nuclei.boxes[:, :2]
    assert (sizes > 0).all()
    assert 8 <= np.median(sizes) <= 30
    assert nuclei.boxes.min() >= 0


def test_what_is_found_is_bluer_than_what_surrounds_it(slide, nuclei):
    with openslide.OpenSlide(slide) as opened:
        pixels = np.asarray(opened.read_region((0, 0), 0, (1100, 1100)))[..., :3].astype(float)
    blueness = pixels[..., 2] - pixels[..., 0]
    inside = [blueness[y0:y1, x0:x1].mean() for x0, y0, x1, y1 in nuclei.boxes[:200]]
    around = [
        blueness[max(0, y0 - 15) : y1 + 15, max(0, x0 - 15) : x1 + 15].mean() for x0, y0, x1, y1 in nuclei.boxes[:200]
    ]
    assert np.mean(np.array(inside) > np.array(around)) > 0.9


def test_grades_follow_the_brown_around(slide, nuclei):
    with openslide.OpenSlide(slide) as opened:
        pixels = np.asarray(opened.read_region((0, 0), 0, (1100, 1100)))[..., :3].astype(float)
    brown = pixels[..., 0] - pixels[..., 2]
    means = {}
    for grade in (0, 4):
        boxes = nuclei.boxes[nuclei.grades == grade][:100]
        means[grade] = np.mean(
            [brown[y0 - 8 : y1 + 8, x0 - 8 : x1 + 8].mean() for x0, y0, x1, y1 in boxes if y0 > 8 < x0]
        )
    assert means[4] > means[0] + 20


def test_only_the_clearest_are_kept_when_there_are_too_many(slide, nuclei):
    fewer = find_nuclei(slide, most=50)
    assert len(fewer.grades) == 50
    assert fewer.scores.min() >= np.sort(nuclei.scores)[-50]


def test_the_built_in_detector_finds_the_same_nuclei(slide, nuclei):
    with openslide.OpenSlide(slide) as opened:
        pixels = np.asarray(opened.read_region((0, 0), 1, opened.level_dimensions[1]).convert("RGB"))
    found = Kept()
    detector = NucleusDetector(None, NucleusSettings(), "cpu")
    detector.predict(PictureReader(pixels, mpp=1.0), None, found, lambda _share, _said: None)
    ours = np.array([rings[0].mean(axis=0) for rings in found.outlines]) * 2
    theirs = (nuclei.boxes[:, :2] + nuclei.boxes[:, 2:]) / 2
    distance, _ = cKDTree(ours).query(theirs)
    assert np.mean(distance < 8) > 0.8  # touching ones are parted, pale and ragged ones score too little
    assert (ours < 1040).all()
