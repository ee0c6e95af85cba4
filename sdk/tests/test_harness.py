"""The harness is a real instance: what a test makes in it, the API shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from exact_sdk.fakedist import FakeDistributions
from exact_sdk.harness import MODES, Instance
from exact_sdk.pytest_plugin import Builder
from exact_sdk.slides import Slide
from PIL import Image as Picture
from starlette.testclient import TestClient

from exact_core.storage.database import Database

COUNTS = """
    from pydantic import BaseModel, ConfigDict
    from exact_core.api import *

    class Settings(BaseModel):
        model_config = ConfigDict(extra="forbid")
        minimum: int = 3

    @hookimpl
    def exact_plugin_info():
        return PluginInfo("Counts", settings=Settings)

    @hookimpl
    def exact_statistics(region, reader, settings):
        n = sum(reader.count_by_type(region).values())
        return [Statistic("counts.n", "Cells", n, note="few" if n < settings.minimum else "")]
"""


def test_a_test_sees_exactly_the_plugins_it_names(exact: Builder, fake_distributions: FakeDistributions) -> None:
    fake_distributions.add("counts", COUNTS)
    fake_distributions.add("unnamed", COUNTS)
    assert [row["name"] for row in exact.start(plugins=["counts"]).client.get("/api/v2/plugins").json()] == ["counts"]
    assert exact.start().client.get("/api/v2/plugins").json() == []


def test_a_plugin_that_is_not_there_or_does_not_load_is_said(
    exact: Builder, fake_distributions: FakeDistributions
) -> None:
    with pytest.raises(AssertionError, match="not installed: nonsense"):
        exact.start(plugins=["nonsense"])
    fake_distributions.add("broken", "import nothing_like_it")
    with pytest.raises(AssertionError, match="nothing_like_it"):
        exact.start(plugins=["broken"])


def test_what_is_drawn_is_counted_under_the_settings_of_the_set(
    exact: Builder, fake_distributions: FakeDistributions
) -> None:
    fake_distributions.add("counts", COUNTS)
    app = exact.start(plugins=["counts"])
    image_set = app.image_set()
    image = app.image(image_set, width=1000, height=800)
    for number in range(2):
        app.annotate(image, "Cell", box=(number, 0, number + 10, 10))
    app.annotate(image, "Nucleus", polygon=[(5, 5), (50, 5), (5, 50)])
    app.settings_for("counts", image_set, minimum=4)
    found = app.client.get(f"/api/v2/images/{image}/statistics").json()
    assert [(each["value"], each["note"]) for each in found] == [(3, "few")]


def test_users_have_the_role_that_a_test_gives_them(exact: Builder) -> None:
    app = exact.start()
    image_set = app.image_set()
    image = app.image(image_set)
    app.annotate(image, "Cell", point=(5, 5), client=app.as_user("annotator", image_set))
    with pytest.raises(AssertionError, match="refused"):
        app.annotate(image, "Cell", point=(6, 6), client=app.as_user("viewer", image_set))
    assert app.as_user().get(f"/api/v2/image-sets/{image_set}/plugins").status_code == 404


def test_every_mode_can_be_made_and_another_one_is_told_with_those_that_there_are(exact: Builder) -> None:
    app = exact.start()
    with pytest.raises(ValueError, match=r"'blind'.*cooperative, competitive, second_opinion"):
        app.image_set(mode="blind")
    for mode in MODES:
        image_set = app.image_set(mode=mode)
        assert app.client.get(f"/api/v2/image-sets/{image_set}").json()["mode"] == mode
    image = app.image(image_set)
    app.annotate(image, "Distance", line=[(5, 5), (50, 60)])
    app.annotate(image, "Cell", point=(500, 5))
    address = f"/api/v2/image-sets/{image_set}/annotation-search"
    found = app.client.get(address, params={"q": "class:distance shape:line"}).json()["items"]
    assert [each["shape"] for each in found] == ["line"]


def test_a_removed_distribution_is_gone(fake_distributions: FakeDistributions) -> None:
    import importlib
    import importlib.metadata

    added = fake_distributions.add("counts", COUNTS)
    assert importlib.import_module("exact_counts.plugin").Settings().minimum == 3
    fake_distributions.remove(added)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("exact_counts.plugin")
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.distribution("exact-counts")


PLUGINS = ("toiler",)
WORKER = """
    from exact_core.api import *

    @hookimpl
    def exact_job_types():
        return [JobType("count", "Count", "exact_toiler.work:count")]
"""
WORK = """
    def count(context):
        context.report(0.5, "half")
        return {"set": context.image_set_id}
"""


@pytest.fixture
def app(exact: Builder, fake_distributions: FakeDistributions) -> Instance:
    fake_distributions.add("toiler", WORKER, files={"work.py": WORK})
    return exact.start(plugins=PLUGINS)


def test_jobs_run_in_the_test_and_say_how_they_ended(
    app: Instance, image_set: int, db: Database, run_jobs: Callable[[], list[dict[str, Any]]]
) -> None:
    with db.write() as session:
        app.services.jobs.enqueue(session, "toiler.count", owner=None, image_set_id=image_set, params={})
    assert [(job["type"], job["state"], job["result"]) for job in run_jobs()] == [
        ("toiler.count", "done", {"set": image_set})
    ]


def test_the_synthetic_slide_has_pixels_and_cells_where_it_says(
    app: Instance, client: TestClient, as_user: Callable[..., TestClient], slide: int, slide_file: Slide
) -> None:
    facts = client.get(f"/api/v2/images/{slide}").json()
    assert (facts["width"], facts["height"], facts["mpp_x"]) == (2048, 1536, pytest.approx(0.5, rel=0.01))
    x, y = slide_file.cells[0]
    with Picture.open(slide_file.path) as picture:
        assert picture.getpixel((x, y))[1] < 90 < 200 < picture.getpixel((5, 5))[1]  # dark cell, light glass
    assert as_user("viewer").get(f"/api/v2/images/{slide}").status_code == 200
    assert as_user().get(f"/api/v2/images/{slide}").status_code == 404
    assert as_user("viewer", app.image_set()).get(f"/api/v2/images/{slide}").status_code == 404
