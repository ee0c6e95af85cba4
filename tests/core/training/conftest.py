"""A set of pictures with drawn cells of two kinds, a version of it, and a split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Picture

from exact_core.jobs.plugin_work import add_image
from exact_core.services import Services
from tests.core.versioning.conftest import Lab, box, client_of, lab, make_lab, make_version, services, work

__all__ = ["Lab", "box", "client_of", "lab", "make_lab", "services", "work"]

PARTS = {"train": (0, 1), "validation": (2,), "test": (3,)}
_COLORS = {"Cell": (90, 60, 160), "Nucleus": (170, 70, 90)}
_SIDE, _RADIUS = 320, 12


@dataclass(frozen=True, slots=True)
class Course:
    """What there is to learn from: a lab, its images, a version whose manifest is written, and a split."""

    lab: Lab
    image_ids: tuple[int, ...]
    version: dict[str, Any]
    split: dict[str, Any]

    def wanted(self, **changes: Any) -> dict[str, Any]:
        """A training of two classes."""
        types = self.lab.types
        classes = [{"label": name.lower(), "type_ids": [types[name]]} for name in ("Cell", "Nucleus")]
        settings = {"measure_in": "pixels", "strengths": [0.1, 1.0]}
        plain = {"kind": "core.objects", "name": "Cells", "split_id": self.split["id"], "settings": settings}
        return {**plain, "classes": classes, **changes}

    def start(self, who: str = "lead", **changes: Any) -> Any:
        """Ask for a training; the response."""
        return self.lab[who].post(f"/api/v2/versions/{self.version['id']}/trainings", json=self.wanted(**changes))

    def read(self, training_id: int, who: str = "lead") -> dict[str, Any]:
        """A training with its curves."""
        answer = self.lab[who].get(f"/api/v2/trainings/{training_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def course(lab: Lab, make_image: Callable[..., int], work: Callable[[], int]) -> Course:
    """Four images of eight cells of each kind, without pixels; two are for training."""
    image_ids = tuple(make_image(lab.image_set_id, width=_SIDE, height=_SIDE) for _ in range(4))
    return _course(lab, image_ids, work)


@pytest.fixture
def pictured(lab: Lab, services: Services, work: Callable[[], int], tmp_path: Path) -> Course:
    """The same with pictures in which the cells are drawn."""
    owner = lab.people["lead"].user_id
    image_ids = []
    for number in range(4):
        path = tmp_path / f"cells {number}.png"
        Picture.fromarray(_drawn(number)).save(path)
        image_ids.append(add_image(services, owner, lab.image_set_id, path, path.name).id)
    return _course(lab, tuple(image_ids), work)


def _course(lab: Lab, image_ids: tuple[int, ...], work: Callable[[], int]) -> Course:
    for number, image_id in enumerate(image_ids):
        operations = [
            box(lab.types[name], x - _RADIUS, y - _RADIUS, x + _RADIUS, y + _RADIUS) for name, x, y in _cells(number)
        ]
        done = lab["lead"].post(f"/api/v2/images/{image_id}/annotation-changes", json={"operations": operations})
        assert done.status_code == 200, done.text
    version = make_version(lab)
    work()
    parts = {name: [image_ids[place] for place in places] for name, places in PARTS.items()}
    made = lab["lead"].post(f"/api/v2/versions/{version['id']}/splits", json={"name": "by hand", "parts": parts})
    assert made.status_code == 201, made.text
    return Course(lab, image_ids, version, made.json())


def _cells(number: int) -> list[tuple[str, int, int]]:
    """Kind and place of each cell of a picture."""
    places = [(40 + 80 * column, 40 + 80 * row) for row in range(4) for column in range(4)]
    return [("Cell" if (place + number) % 2 else "Nucleus", x, y) for place, (x, y) in enumerate(places)]


def _drawn(number: int) -> NDArray[np.uint8]:
    random = np.random.default_rng(number)
    pixels = random.integers(232, 248, (_SIDE, _SIDE, 3), np.uint8)
    rows, columns = np.mgrid[0:_SIDE, 0:_SIDE] + 0.5
    for name, x, y in _cells(number):
        inside = (columns - x) ** 2 + (rows - y) ** 2 < _RADIUS**2
        color = np.array(_COLORS[name]) + random.integers(-25, 25, 3)
        pixels[inside] = np.clip(color + random.integers(-20, 20, (int(inside.sum()), 3)), 0, 255)
    return pixels
