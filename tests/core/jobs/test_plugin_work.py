"""What jobs and commands of plugins may add to an image set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from exact_sdk.fakedist import FakeDistributions
from sqlalchemy import select

from exact_core.activation.commands import plugin_command_group
from exact_core.api.context import Actor
from exact_core.kernel.discovery import discover
from exact_core.services import Services
from exact_core.settings import Settings
from exact_core.storage.models import Annotation, AnnotationType, Image, ImageSet, Job, Product
from tests.core.images.instance import all_jobs, run_jobs, running_instance
from tests.core.tiles.pictures import write_jpeg_pyramid

MAPS = """
    import click
    from exact_core.api import *

    @hookimpl
    def exact_plugin_info():
        return PluginInfo("Maps", default_enabled=True)

    @hookimpl
    def exact_job_types():
        return [JobType("draw", "Draw", run="exact_maps.jobs:draw")]

    @hookimpl
    def exact_cli(group):
        @group.command()
        @click.pass_obj
        def draw(commands):
            done = commands.run_job("draw", image_set="From here", params={}, told=lambda part, words: None)
            click.echo(f"made {sorted(done)}")
"""

JOBS = """
    from pathlib import Path
    from exact_core.api import ImportedShape, Shape

    def draw(context):
        if "picture" not in context.params:
            return {"folder": context.plugin.files.name}
        image = context.add_image(Path(context.params["picture"]), "private name.tif")
        shapes = [
            ImportedShape(f"row {x}", label, Shape.BOX, [[(x, 8), (x + 20, 40)]])
            for x, label in ((100, "N4"), (0, "N1"), (50, "N4"))
        ]
        ids = context.add_annotations(image.id, shapes, product="Calls")
        return {"image": image.id, "size": [image.width, image.height], "ids": ids}
"""


@pytest.fixture
def services(settings: Settings, tmp_path: Path) -> Iterator[Services]:
    with FakeDistributions(tmp_path / "site") as distributions:
        distributions.add("maps", MAPS, files={"jobs.py": JOBS})
        with running_instance(settings, tuple(each for each in discover() if each.name == "maps")) as services:
            yield services


def run(services: Services, image_set: int, owner: Actor | None, **params: str) -> Job:
    with services.database.write() as session:
        asked = services.jobs.enqueue(session, "maps.draw", owner=owner, image_set_id=image_set, params=params).id
    run_jobs(services)
    return next(each for each in all_jobs(services) if each.id == asked)


def test_a_job_adds_an_image_and_annotations_with_the_rights_of_its_owner(
    services: Services,
    make_user: Callable[..., Actor],
    make_team: Callable[..., int],
    make_image_set: Callable[..., int],
    tmp_path: Path,
) -> None:
    lead, reader = make_user(), make_user()
    image_set = make_image_set(make_team(leads=[lead], members=[reader]), roles={reader: "annotator"})
    pixels = np.zeros((64, 160, 3), np.uint8)
    picture = write_jpeg_pyramid(tmp_path / "map.tif", pixels, levels=1)

    refused = run(services, image_set, reader, picture=str(picture))
    assert refused.state == "failed"
    assert "upload" in refused.message
    assert picture.exists()

    done = run(services, image_set, lead, picture=str(picture))
    assert done.state == "done", done.message
    assert done.result["size"] == [160, 64]
    assert not picture.exists(), "it was moved"
    with services.database.read() as session:
        image = session.get_one(Image, done.result["image"])
        assert (image.status, image.private_name, image.created_by_id) == ("ready", "private name.tif", lead.user_id)
        assert image.name != "private name.tif"
        kinds = session.scalars(select(AnnotationType.name).join(Product).where(Product.name == "Calls")).all()
        assert sorted(kinds) == ["N1", "N4"]
        named = dict(session.execute(select(Annotation.id, Annotation.image_id)).all())
    assert [named[each] for each in done.result["ids"]] == [image.id] * 3
    assert len(set(done.result["ids"])) == 3

    again = write_jpeg_pyramid(tmp_path / "again.tif", pixels, levels=1)
    twice = run(services, image_set, None, picture=str(again))  # the system's: the same content is the same image
    assert (twice.state, twice.result["image"]) == ("done", image.id), twice.message
    text = write_jpeg_pyramid(tmp_path / "other.tif", pixels[:32], levels=1)
    text.write_bytes(b"no picture")
    assert "cannot be read" in run(services, image_set, None, picture=str(text)).message


def test_a_command_runs_a_job_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sqlite_template: Path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "exact.sqlite3").write_bytes(sqlite_template.read_bytes())
    monkeypatch.setenv("EXACT_DATA_DIR", str(data))
    with FakeDistributions(tmp_path / "site") as distributions:
        distributions.add("maps", MAPS, files={"jobs.py": JOBS})
        group = plugin_command_group("maps")
        assert isinstance(group, click.Group)
        told = CliRunner().invoke(group, ["draw"], catch_exceptions=False)
        assert told.output == "made ['folder']\n"
        with running_instance(Settings(), ()) as services, services.database.read() as session:
            assert session.scalars(select(ImageSet.name)).all() == ["From here"]
