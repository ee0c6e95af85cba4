"""An instance with an image, a job that asks for predictions, and shapes as a model hands them over."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from exact_core.api.contributions import Shape
from exact_core.api.models import StoredModel
from exact_core.api.predictions import PredictedShapes
from exact_core.predictions.writing import RunWriter
from exact_core.services import Services
from exact_core.storage.models import Job
from tests.core.annotations.conftest import application, client_of, make_lab, services  # noqa: F401 - fixtures

MODEL = StoredModel("0190a000-0000-7000-8000-000000000001", "Cells", "core.nuclei", ("cell", "mitosis"), 7, "ab" * 32)


@pytest.fixture
def make_run(
    services: Services,  # noqa: F811 - the fixture
    make_image_set: Callable[..., int],
    make_image: Callable[..., int],
):
    """``make_run()`` gives a writer for a new job of an image of 20,000 × 10,000 pixels."""

    def make(image_id: int | None = None, image_set_id: int | None = None, owner: int | None = None) -> RunWriter:
        image_set_id = image_set_id or make_image_set()
        image_id = image_id or make_image(image_set_id, width=20_000, height=10_000)
        with services.database.write() as session:
            values = {"settings": {"least": 3}, "area": {"x0": 0, "y0": 0, "x1": 9000, "y1": 9000}}
            job = Job(
                type="core.predict_nuclei", image_set_id=image_set_id, image_id=image_id, params=values, owner_id=owner
            )
            session.add(job)
            session.flush()
            job_id = job.id
        return RunWriter(services, job_id, image_set_id, image_id, MODEL)

    return make


def squares(count: int, seed: int = 1, extent: int = 9_000) -> PredictedShapes:
    """So many squares of 5 to 14 pixels with eighths of pixels, at random places, of two labels."""
    random = np.random.default_rng(seed)
    corner = random.integers(0, extent * 8, (count, 1, 2)) / 8
    side = random.integers(5, 15, (count, 1, 1))
    around = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    points = corner + side * around
    return PredictedShapes.of_rows(
        Shape.POLYGON, points, random.integers(0, 2, count), random.random(count), random.random(count)
    )
