"""Runs are kept whole or not at all, once for each job and image, and give back what was handed over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select

from exact_core.api.contributions import Shape
from exact_core.api.errors import Conflict, Invalid, NotFound
from exact_core.api.predictions import PredictedShapes
from exact_core.images.stored_files import remove_files
from exact_core.predictions import maps
from exact_core.predictions.arrays import checked
from exact_core.predictions.chunks import STEPS, Shapes, histogram_of, joined
from exact_core.predictions.removing import folder_of, give_up
from exact_core.predictions.writing import RunWriter
from exact_core.services import Services
from exact_core.storage.models import Image, Job, PredictionChunk, PredictionMap, PredictionRun, now
from tests.core.predictions.conftest import MODEL, squares

Make = Callable[..., RunWriter]


def kept(services: Services) -> Shapes:
    """All shapes of all runs."""
    with services.database.read() as session:
        row = PredictionChunk
        return joined(session.execute(select(row.first, row.n, row.label, row.data).order_by(row.first)).all())


def runs(services: Services) -> list[PredictionRun]:
    with services.database.read() as session:
        return list(session.scalars(select(PredictionRun).order_by(PredictionRun.id)))


def test_a_run_gives_back_what_was_handed_over(services: Services, make_run: Make) -> None:
    given = squares(30_000)
    with make_run() as out:
        for start in range(0, 30_000, 7_000):
            part = slice(start, min(start + 7_000, 30_000))
            out.add(
                PredictedShapes.of_rows(
                    Shape.POLYGON,
                    given.points.reshape(-1, 4, 2)[part],
                    given.labels[part],
                    given.scores[part],
                    given.uncertainties[part],
                )
            )
        assert [run.state for run in runs(services)] == ["writing"]
    [run] = runs(services)
    assert (run.state, run.n_shapes, run.n_skipped, run.area) == ("ready", 30_000, 0, [0, 0, 9000, 9000])
    assert (run.model_uuid, run.model_name, run.model_kind) == (MODEL.uuid, "Cells", "core.nuclei")
    assert (run.model_version_id, run.model_sha256, run.params) == (7, MODEL.sha256, {"least": 3})
    assert run.labels == ["cell", "mitosis"]
    found = kept(services)
    assert sorted(found.number.tolist()) == list(range(30_000))
    corners = found.columns().xy.reshape(-1, 4, 2)
    values = [corners.reshape(-1, 8), found.label[:, None], found.score[:, None], found.uncertainty[:, None]]
    theirs = [given.points.reshape(-1, 8), given.labels[:, None]]
    theirs += [given.scores[:, None].astype(np.float32), given.uncertainties[:, None].astype(np.float32)]
    ours, wanted = np.hstack(values), np.hstack(theirs)
    assert np.array_equal(ours[np.lexsort(ours.T)], wanted[np.lexsort(wanted.T)])
    for label in (0, 1):
        counted = histogram_of(given.scores[given.labels == label].astype(np.float32))
        assert run.histogram[label] == counted.tolist()


def test_chunks_hold_one_label_and_one_neighbourhood(services: Services, make_run: Make) -> None:
    with make_run() as out:
        out.add(squares(3_000))
        out.add(PredictedShapes.of_rows(Shape.BOX, np.array([[[10, 10], [9000, 9000]]]), np.array([1]), np.array([1])))
    with services.database.read() as session:
        chunks = session.scalars(select(PredictionChunk)).all()
        shapes = {each.first: joined([(each.first, each.n, each.label, each.data)]) for each in chunks}
    assert len(chunks) == 2 * 5 * 5 + 1
    for chunk in chunks:
        boxes = shapes[chunk.first].boxes()
        assert (chunk.x0, chunk.y0) == tuple(np.floor(boxes[:, :2].min(axis=0)).astype(int))
        assert (chunk.x1, chunk.y1) == tuple(np.ceil(boxes[:, 2:].max(axis=0)).astype(int))
        assert chunk.n == 1 or max(chunk.x1 - chunk.x0, chunk.y1 - chunk.y0) <= 2048 + 14
        histogram = np.frombuffer(chunk.histogram, "<u4")
        assert histogram.tolist() == histogram_of(shapes[chunk.first].score).tolist()
        assert (len(histogram), histogram.sum()) == (STEPS, chunk.n)


def test_a_run_that_fails_leaves_nothing(services: Services, make_run: Make) -> None:
    def fail(writer: RunWriter) -> None:
        with writer as out:
            out.add(squares(25_000))
            with out.map("probability", width=300, height=200, downsample=4) as probability:
                probability.write(np.full((200, 300), 7, np.uint8))
            folders.append(services.blobs.path(folder_of(runs(services)[0].image_id, runs(services)[0].uuid)))
            assert list(folders[0].iterdir())
            raise RuntimeError("the model is out of memory")

    folders: list[Path] = []
    with pytest.raises(RuntimeError):
        fail(make_run())
    assert not folders[0].exists()
    with services.database.read() as session:
        for table in (PredictionRun, PredictionChunk, PredictionMap):
            assert session.scalar(select(func.count()).select_from(table)) == 0


def test_a_second_attempt_takes_over_and_the_first_writes_nothing_more(services: Services, make_run: Make) -> None:
    first = make_run()
    first.__enter__()
    first.add(squares(50))
    second = RunWriter(services, first._job_id, first._image_set_id, first._image_id, MODEL)
    with second as out:
        out.add(squares(20_001, seed=2))
        with pytest.raises(Conflict, match="Another worker"):
            first.add(squares(20_000))
    with pytest.raises(Conflict, match="Another worker"):
        first.__exit__(None, None, None)
    [run] = runs(services)
    assert (run.state, run.n_shapes) == ("ready", 20_001)
    with RunWriter(services, first._job_id, first._image_set_id, first._image_id, MODEL) as third:
        assert third.is_done
        third.add(squares(3))
        third.label_image(0, 0.5)
        with third.map("entropy", width=10, height=10, downsample=1) as dropped:
            dropped.write(np.zeros((10, 10), np.uint8))
    assert [each.uuid for each in runs(services)] == [run.uuid]
    assert len(kept(services)) == 20_001


def test_a_job_that_is_given_up_leaves_no_unfinished_run(services: Services, make_run: Make) -> None:
    writer = make_run()
    writer.__enter__()
    writer.add(squares(20_000))
    with services.database.read() as session:
        job = session.get_one(Job, writer._job_id)
    give_up(services, job)
    assert runs(services) == []
    assert len(kept(services)) == 0


def test_what_no_annotation_can_be_made_of_is_left_out_and_counted(services: Services, make_run: Make) -> None:
    crossing = np.array([[10, 10], [400, 300], [400, 10], [10, 300]])
    outside = np.array([[-50, -50], [-20, -50], [-20, -20]])
    hole = [np.array([[100, 100], [200, 100], [200, 200], [100, 200]]), np.array([[140, 140], [140, 160], [160, 160]])]
    cut = np.array([[19_990, 10], [20_040, 10], [20_040, 60], [19_990, 60]])
    with make_run() as out:
        polygons = [[crossing], hole, [outside], [cut]]
        out.add(PredictedShapes.of_polygons(polygons, np.array([0, 0, 1, 1]), np.array([0.9, 0.8, 0.7, 0.6])))
    [run] = runs(services)
    assert (run.n_shapes, run.n_skipped) == (2, 2)
    found = kept(services)
    assert found.score.tolist() == pytest.approx([0.8, 0.6])
    assert np.isnan(found.uncertainty).all()
    assert found.columns().rings.tolist() == [2, 1]
    assert found.boxes().tolist() == [[100, 100, 200, 200], [19_990, 10, 20_000, 60]]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"scores": np.array([0.5, np.nan])}, "scores"),
        ({"scores": np.array([0.5, 1.01])}, "scores"),
        ({"labels": np.array([0, 2])}, "labels"),
        ({"labels": np.array([0.0, 1.0])}, "labels"),
        ({"labels": np.array([0])}, "labels: 2 values"),
        ({"uncertainties": np.array([0.5, -0.1])}, "uncertainties"),
        ({"points": np.array([[1.0, 1.0], [np.inf, 2.0]])}, "points"),
        ({"points": np.array([[1.0, 1.0, 0.0], [1.0, 2.0, 0.0]])}, "points"),
        ({"rings": np.array([0, 2, 2])}, "rings"),
        ({"starts": np.array([0, 2])}, "starts"),
        ({"shape": Shape.IMAGE}, "form"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(wrong: dict[str, Any], said: str) -> None:
    fine = PredictedShapes.of_rows(
        Shape.POINT, np.array([[[1.0, 1.0]], [[5.0, 2.0]]]), np.array([0, 1]), np.array([0.5, 0.6]), np.array([0.1, 0])
    )
    with pytest.raises(Invalid, match=said):
        checked(replace(fine, **wrong), 2, 100, 100)
    assert len(checked(fine, 2, 100, 100)[0]) == 2


def test_labels_of_the_whole_image_are_kept_as_shapes_without_place(services: Services, make_run: Make) -> None:
    with make_run() as out:
        out.label_image(1, 0.75, 0.25)
        with pytest.raises(Invalid, match="label"):
            out.label_image(2, 0.5)
        with pytest.raises(Invalid, match="score"):
            out.label_image(0, float("nan"))
    found = kept(services)
    assert (found.label.tolist(), found.score.tolist(), found.uncertainty.tolist()) == ([1], [0.75], [0.25])
    assert found.steps().shape.tolist() == [Shape.IMAGE.number]
    assert found.boxes().tolist() == [[0, 0, 0, 0]]


def test_an_image_that_is_deleted_meanwhile_is_refused(services: Services, make_run: Make) -> None:
    writer = make_run()
    with services.database.write() as session:
        session.get_one(Image, writer._image_id).deleted_at = now()
    with pytest.raises(NotFound, match="any more"):
        writer.__enter__()


def test_maps_belong_to_the_run(services: Services, make_run: Make) -> None:
    band = np.full((30, 40), 9, np.uint8)
    with make_run() as out:
        with out.map("probability", width=40, height=30, downsample=2.5, label=1, x=40, y=8) as probability:
            probability.write(band)
        for name, label, said in (("probability", 1, "has a map"), ("", 1, "name"), ("entropy", 2, "label")):
            with pytest.raises(Invalid, match=said), out.map(name, width=9, height=9, downsample=1, label=label):
                pass
    with services.database.read() as session:
        row = session.scalars(select(PredictionMap)).one()
    assert (row.name, row.label, row.downsample, row.x, row.y) == ("probability", 1, 2.5, 40, 8)
    assert np.array_equal(maps.pixels(services.blobs.path(row.path), 40, 30, 0), band)


def test_a_pyramid_gives_back_its_map_and_smaller_ones(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    values = random.integers(0, 256, (701, 1001), dtype=np.uint8)
    values[256:512, 512:768] = 0
    path = tmp_path / "a" / "map.tiles"
    with maps.writing(path, 1001, 701) as pyramid:
        for start in range(0, 701, 90):
            pyramid.write(values[start : start + 90])
    assert np.array_equal(maps.pixels(path, 1001, 701, 0), values)
    wide = np.pad(values, ((0, 1), (0, 1)), mode="edge").astype(int)
    half = (wide.reshape(351, 2, 501, 2).sum(axis=(1, 3)) + 2) // 4
    assert np.array_equal(maps.pixels(path, 1001, 701, 1), half)
    assert maps.pixels(path, 1001, 701, 2).shape == (176, 251)
    assert maps.tile(path, 1001, 701, 0, 2, 1) == b""
    for outside in ((0, 4, 0), (0, 0, 3), (3, 0, 0), (-1, 0, 0)):
        with pytest.raises(NotFound):
            maps.tile(path, 1001, 701, *outside)


def test_a_pyramid_that_is_not_whole_is_no_file(tmp_path: Path) -> None:
    path = tmp_path / "map.tiles"
    writing = maps.writing(path, 20, 10)
    pyramid = writing.__enter__()
    for wrong, said in ((np.zeros((2, 19), np.uint8), "columns"), (np.zeros((11, 20), np.uint8), "more rows")):
        with pytest.raises(Invalid, match=said):
            pyramid.write(wrong)
    pyramid.write(np.zeros((5, 20), np.uint8))
    with pytest.raises(Invalid, match="ended after 5"):
        writing.__exit__(None, None, None)
    assert not path.exists()


def test_the_maps_go_with_the_files_of_their_image(services: Services, make_run: Make) -> None:
    with (
        make_run() as out,
        out.map("probability", width=4, height=4, downsample=8) as probability,
    ):
        probability.write(np.full((4, 4), 7, np.uint8))
    with services.database.read() as session:
        path = services.blobs.path(session.scalars(select(PredictionMap.path)).one())
        assert path.exists()
        remove_files(services.blobs, session.scalars(select(Image)).one())
    assert not path.exists()
