"""The classifier of objects: its features on drawn pictures, and what it learns."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from exact_core.api.drivers import Channel, SourceInfo, SourceLevel
from exact_core.api.errors import Invalid
from exact_core.api.images import ImageInfo
from exact_core.detectors.objects.classifier import Classifier, entropies, read_classifier
from exact_core.detectors.objects.features import Scale, features_of, names_of
from exact_core.detectors.objects.learning import fit
from exact_core.detectors.objects.training import write_model

Pixels = NDArray[np.generic]


class Picture:
    """A picture in memory with a level of half its size."""

    def __init__(self, pixels: Pixels, mpp: float | None = 0.5) -> None:
        height, width = pixels.shape[:2]
        self._levels = [pixels, pixels.reshape(height // 2, 2, width // 2, 2, *pixels.shape[2:]).mean((1, 3))]
        self.image = ImageInfo(1, 1, "drawn", width, height, mpp_x=mpp, mpp_y=mpp)
        levels = tuple(SourceLevel(each.shape[1], each.shape[0], 2.0**n) for n, each in enumerate(self._levels))
        is_color = pixels.ndim == 3
        self.source = SourceInfo("memory", levels, is_color, channels=() if is_color else (Channel("grey"),))

    def read(self, x: int, y: int, width: int, height: int, level: int = 0, **_frame: int) -> Pixels:
        pixels = self._levels[level]
        answer = np.full((height, width, *pixels.shape[2:]), 255 if self.source.is_color else 0, pixels.dtype)
        x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + width, pixels.shape[1]), min(y + height, pixels.shape[0])
        if x1 > x0 and y1 > y0:
            answer[y0 - y : y1 - y, x0 - x : x1 - x] = pixels[y0:y1, x0:x1]
        return answer

    @property
    def reopen(self):
        return lambda: self

    def close(self) -> None:
        pass


def disc(centre: tuple[float, float], radius: float) -> NDArray[np.float64]:
    angles = np.linspace(0, 2 * math.pi, 64, endpoint=False)
    return np.array(centre) + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def slide(discs: list[tuple[tuple[float, float], float, tuple[int, int, int]]], side: int = 256) -> Pixels:
    pixels = np.full((side, side, 3), 240, np.uint8)
    rows, columns = np.mgrid[0:side, 0:side] + 0.5
    for (x, y), radius, color in discs:
        pixels[(columns - x) ** 2 + (rows - y) ** 2 < radius**2] = color
    return pixels


def named(values: NDArray[np.float64], mode: str = "color") -> dict[str, float]:
    return dict(zip(names_of(mode), values.tolist(), strict=True))


def test_features_say_what_was_drawn() -> None:
    picture = Picture(slide([((100, 120), 20, (90, 60, 160))]))
    found = named(features_of(picture, [[disc((100, 120), 20)]], Scale(0.5))[0])
    assert found["red mean"] == pytest.approx(90 / 255, abs=0.03)
    assert found["red around"] == pytest.approx(240 / 255, abs=0.02)
    assert found["red contrast"] < -0.5
    assert found["area"] == pytest.approx(math.pi * 10**2, rel=0.01)  # 20 px of 0.5 µm
    assert found["circularity"] == pytest.approx(1, abs=0.01)
    assert found["elongation"] == pytest.approx(1, abs=0.05)
    assert found["solidity"] == pytest.approx(1, abs=0.01)


def test_one_object_at_two_resolutions_has_the_same_features() -> None:
    fine = Picture(slide([((200, 240), 40, (90, 60, 160))], 512), mpp=0.25)
    coarse = Picture(slide([((100, 120), 20, (90, 60, 160))]), mpp=0.5)
    of_fine = named(features_of(fine, [[disc((200, 240), 40)]], Scale(0.5))[0])
    of_coarse = named(features_of(coarse, [[disc((100, 120), 20)]], Scale(0.5))[0])
    for name in ("red mean", "haematoxylin mean", "area", "perimeter", "blue around"):
        assert of_fine[name] == pytest.approx(of_coarse[name], rel=0.03, abs=0.01), name


def test_a_hole_is_no_part_of_the_object() -> None:
    picture = Picture(slide([((100, 100), 40, (90, 60, 160)), ((100, 100), 20, (250, 20, 20))]))
    whole, ring = features_of(
        picture, [[disc((100, 100), 40)], [disc((100, 100), 40), disc((100, 100), 20)]], Scale(0.5)
    )
    assert named(whole)["red mean"] > named(ring)["red mean"] + 0.1
    assert named(ring)["area"] == pytest.approx(named(whole)["area"] * 0.75, rel=0.02)


def test_points_at_the_edge_and_thin_shapes_are_measured() -> None:
    picture = Picture(slide([((2, 2), 12, (90, 60, 160))]))
    thin = np.array([[50.0, 50.0], [90.0, 50.1], [90.0, 50.2]])
    found = features_of(picture, [[np.array([[2.0, 2.0]])], [thin]], Scale(0.5))
    assert np.isfinite(found).all()
    assert named(found[0])["red mean"] < 0.9


def test_grey_pictures_have_one_channel_and_pixels_can_be_the_unit() -> None:
    grey = Picture(slide([((60, 60), 15, (40, 40, 40))])[..., 0].astype(np.uint16) * 100, mpp=None)
    found = named(features_of(grey, [[disc((60, 60), 15)]], Scale(None))[0], "grey")
    assert found["intensity mean"] == pytest.approx(4000, rel=0.05)
    assert found["area"] == pytest.approx(math.pi * 15**2, rel=0.01)
    with pytest.raises(Invalid, match="has no resolution"):
        features_of(grey, [[disc((60, 60), 15)]], Scale(0.5))


def blobs(seed: int, count: int, classes: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    random = np.random.default_rng(seed)
    truth = np.arange(count) % classes
    centres = np.random.default_rng(99).normal(size=(classes, len(names_of("color")))) * 0.6
    return centres[truth] + random.normal(size=(count, centres.shape[1])), truth


@pytest.mark.parametrize("classes", [2, 3])
def test_it_learns_and_is_the_same_after_it_was_written_and_read(tmp_path, classes: int) -> None:
    features, truth = blobs(1, 300, classes)
    labels = [f"class {number}" for number in range(classes)]
    heard: list[tuple[int, float]] = []
    model = fit(
        features, truth, blobs(2, 150, classes), labels=labels, mode="color", scale=Scale(0.25, 4.0),
        strengths=[1.0, 0.01], balanced=True, told=lambda step, strength, _figures: heard.append((step, strength)),
    )  # fmt: skip
    assert heard == [(0, 0.01), (1, 1.0)]
    others, other_truth = blobs(3, 300, classes)
    assert (model.probabilities(others).argmax(axis=1) == other_truth).mean() > 0.9
    write_model(tmp_path, model, {"plugin": "core"})
    read = read_classifier(tmp_path, model.description())
    assert read.scale == Scale(0.25, 4.0)
    assert np.array_equal(read.probabilities(others), model.probabilities(others))


def test_the_same_objects_give_the_same_bytes(tmp_path) -> None:
    features, truth = blobs(4, 120, 3)
    for name in ("one", "two"):
        model = fit(
            features, truth, None, labels=["a", "b", "c"], mode="color", scale=Scale(), strengths=[0.1, 1.0, 3.0],
            balanced=False, told=lambda *_: None,
        )  # fmt: skip
        (tmp_path / name).mkdir()
        write_model(tmp_path / name, model, {})
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two")]
    assert files[0] == files[1]
    assert model.temperature == 1.0


def test_a_class_without_an_object_and_a_single_class_are_refused() -> None:
    features, truth = blobs(5, 20, 2)
    common = {"mode": "color", "scale": Scale(), "strengths": [1.0], "balanced": True, "told": lambda *_: None}
    with pytest.raises(Invalid, match="'c' is left"):
        fit(features, truth, None, labels=["a", "b", "c"], **common)
    with pytest.raises(Invalid, match="two classes"):
        fit(features, truth * 0, None, labels=["a"], **common)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"architecture": "other"}, "architecture"),
        ({"arguments": {"mode": "sound"}}, "mode"),
        ({"classes": ["one"]}, "weights has the form"),
    ],
)
def test_a_folder_of_something_else_is_refused(tmp_path, change, reason: str) -> None:
    size = len(names_of("color"))
    model = Classifier(("a", "b"), "color", Scale(), np.zeros(size), np.ones(size), np.zeros((2, size)), np.zeros(2))
    write_model(tmp_path, model, {})
    with pytest.raises(Invalid, match=reason):
        read_classifier(tmp_path, model.description() | change)


def test_entropy_is_none_when_sure_and_one_without_an_idea() -> None:
    assert entropies(np.array([[1.0, 0.0], [0.5, 0.5]])) == pytest.approx([0, 1], abs=1e-6)
