"""Adding very many shapes at once: the same rules, one revision, and the same state as drawing them one by one."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import func, select

from exact_core.annotations import bulk
from exact_core.annotations.geometry import parse
from exact_core.annotations.packing import Columns, columns_of
from exact_core.annotations.scope import Frame
from exact_core.annotations.service import Annotations
from exact_core.api.contributions import Shape
from exact_core.api.errors import Conflict, Forbidden, Invalid, NotFound
from exact_core.services import Services
from exact_core.storage.models import Annotation, AnnotationRevision, AnnotationSummary, ChangeSet, ImageSet
from tests.core.annotations.conftest import Lab, box


def adder(services: Services, lab: Lab, who: str = "ann") -> Annotations:
    return Annotations(lab.database, services.kernel.hooks, lab.people[who])


def polygons(count: int, seed: int = 1) -> Columns:
    """Star-shaped outlines all over the image."""
    numbers = np.random.default_rng(seed)
    rings = []
    for _ in range(count):
        angle = np.sort(numbers.choice(360, numbers.integers(4, 30), replace=False)) * np.pi / 180
        size = numbers.choice([20, 400])
        center = numbers.integers(400, [19_599, 9_599])
        rings.append(center + np.stack([np.cos(angle), np.sin(angle)], axis=1) * size)
    return bulk.columns_of_rings(Shape.POLYGON, rings)


def test_shapes_added_at_once_are_the_same_as_shapes_drawn_one_by_one(services: Services, lab: Lab) -> None:
    columns = polygons(300)
    type_ids = np.where(np.arange(300) % 3 == 0, lab.types["Cell"], lab.types["Nucleus"])
    added = adder(services, lab).bulk_create(
        lab.image_id,
        bulk.NewShapes(
            columns,
            type_ids,
            Frame(1, 0, -1),
            texts=[f"no. {number}" for number in range(300)],
            claimed_author="a model",
        ),
        kind="model",
        reason="test",
    )
    assert added.revision == 1
    assert added.refused == {}
    items = lab.get("ben", "annotations", limit=1000).json()["items"]
    by_id = {item["id"]: item for item in items}  # numbers follow the place on the slide, not the order that was given
    items = [by_id[id_] for id_ in added.ids.tolist()]
    rings = np.split(columns.xy, np.cumsum(columns.ring_length.astype(int))[:-1])
    for number, item in enumerate(items):
        geometry = {"shape": "polygon", "rings": [rings[number].tolist()]}
        assert item["geometry"] == parse(geometry, 20_000, 10_000).to_json()
        assert item["type_id"] == type_ids[number]
        assert item["text"] == f"no. {number}"
        assert item["frame"] == {"z": 1, "t": 0, "c": -1}
        assert item["claimed_author"] == "a model"
        assert item["author"]["id"] == lab.people["ann"].user_id

    operations = [
        {**box(int(type_ids[number])), "geometry": item["geometry"], "frame": item["frame"]}
        for number, item in enumerate(items)
    ]
    with lab.database.read() as session:
        table = AnnotationSummary
        counted = (table.type_id, table.cell, table.z, table.n)
        bulk_counts = session.execute(select(*counted).order_by(*table.__table__.c)).all()
        log = session.scalars(select(ChangeSet)).one()
        assert (log.kind, log.n_changes, log.reason) == ("model", 300, "test")
    lab.change("ann", *operations)
    with lab.database.read() as session:
        row = AnnotationRevision
        columns_ = (row.tile_key, row.x0, row.y0, row.x1, row.y1, row.geometry, row.type_id, row.shape, row.z)
        by_revision = [
            sorted(map(tuple, session.execute(select(*columns_).where(row.valid_from == revision)).all()))
            for revision in (1, 2)
        ]
        assert by_revision[0] == by_revision[1]
        both = session.execute(select(*counted).order_by(*table.__table__.c)).all()
        assert [(*each[:3], each[3] * 2) for each in bulk_counts] == [tuple(each) for each in both]
        assert session.scalar(select(func.count(Annotation.uuid.distinct()))) == 600


def test_all_forms_go_through_and_doubtful_ones_are_mended_like_single_ones(services: Services, lab: Lab) -> None:
    from exact_core.storage.models import AnnotationType

    with lab.database.write() as session:
        session.get_one(AnnotationType, lab.types["Cell"]).shapes = [shape.value for shape in Shape]
    ring = [[10, 10], [90, 10], [90, 90], [10, 90]]
    hole = [[20, 20], [40, 20], [40, 40]]
    values = [
        {"shape": "image"},
        {"shape": "point", "points": [[5, 5]]},
        {"shape": "polygon", "rings": [ring, hole]},
        {"shape": "rotated_box", "points": [[10, 0], [20, 10], [10, 20], [0, 10]]},
        {"shape": "multi_polygon", "parts": [[ring, hole], [[[200, 200], [300, 200], [300, 300]]]]},
        {"shape": "line", "points": [[0, 0], [9_000, 90]]},
        {"shape": "ellipse", "points": [[-5, -5], [50, 50]]},
    ]
    columns = columns_of([parse(value, 20_000, 10_000) for value in values])
    crooked = bulk.columns_of_rings(Shape.BOX, [[[500, 500], [400, 400]]])  # corners in the wrong order
    spike = bulk.columns_of_rings(Shape.POLYGON, [[*ring, [10, 50], [0, 50], [10, 50]]])
    outside = bulk.columns_of_rings(Shape.POLYGON, [[[-50, 100], [50, 100], [50, 200], [-50, 200]]])
    writer = adder(services, lab)
    ids = []
    for part in (columns, crooked, spike, outside):
        types = np.full(len(part), lab.types["Cell"])
        ids += writer.bulk_create(lab.image_id, bulk.NewShapes(part, types)).ids.tolist()
    found = [lab["ann"].get(f"/api/v2/annotations/{id_}").json()["geometry"] for id_ in ids]
    expected = [parse(value, 20_000, 10_000).to_json() for value in values]
    expected.append({"shape": "box", "rings": [[[400, 400], [500, 500]]]})
    expected += [
        parse({"shape": "polygon", "points": [*ring, [10, 50], [0, 50], [10, 50]]}, 20_000, 10_000).to_json(),
        parse({"shape": "polygon", "points": [[-50, 100], [50, 100], [50, 200], [-50, 200]]}, 20_000, 10_000).to_json(),
    ]
    assert found == expected


def test_one_bad_shape_refuses_all_or_is_left_out_and_reported(services: Services, lab: Lab) -> None:
    bow_tie = [[0, 0], [10, 10], [10, 0], [0, 10]]
    good = [[100, 100], [200, 100], [200, 200]]
    columns = bulk.columns_of_rings(Shape.POLYGON, [good, bow_tie, good])
    shapes = bulk.NewShapes(columns, np.full(3, lab.types["Cell"]), uuids=["a", "b", "c"])
    writer = adder(services, lab)
    with pytest.raises(Invalid, match=r"Shape 1: .*crosses itself"):
        writer.bulk_create(lab.image_id, shapes)
    assert lab.get("ann", "annotation-counts").json()["total"] == 0
    added = writer.bulk_create(lab.image_id, shapes, skip_bad=True)
    assert added.refused.keys() == {1}
    assert [id_ > 0 for id_ in added.ids.tolist()] == [True, False, True]
    names = [item["uuid"] for item in lab.get("ann", "annotations").json()["items"]]
    assert names == ["a", "c"]


def test_attributes_are_kept_with_their_shapes(services: Services, lab: Lab) -> None:
    from exact_core.storage.models import AnnotationType

    with lab.database.write() as session:
        session.get_one(AnnotationType, lab.types["Cell"]).attributes = [{"name": "score", "kind": "number", "max": 1}]
    columns = bulk.columns_of_rings(Shape.BOX, [[[n, n], [n + 9, n + 9]] for n in range(0, 3000, 1000)])
    types = np.full(3, lab.types["Cell"])
    writer = adder(services, lab)
    writer.bulk_create(lab.image_id, bulk.NewShapes(columns, types, attributes=[{"score": 0.5}, None, {"score": 1}]))
    found = [item["attributes"] for item in lab.get("ann", "annotations").json()["items"]]
    assert found == [{"score": 0.5}, {}, {"score": 1}]
    with pytest.raises(Invalid, match="at most 1"):
        writer.bulk_create(lab.image_id, bulk.NewShapes(columns, types, attributes=[{"score": 2}, None, None]))


def test_rules_and_rights_hold_for_bulk_too(services: Services, lab: Lab) -> None:
    columns = bulk.columns_of_rings(Shape.BOX, [[[0, 0], [9, 9]]])
    good = bulk.NewShapes(columns, np.array([lab.types["Cell"]]))
    with pytest.raises(Invalid, match="no annotation type"):
        adder(services, lab).bulk_create(lab.image_id, bulk.NewShapes(columns, np.array([999])))
    with pytest.raises(Invalid, match="drawn as image"):
        adder(services, lab).bulk_create(lab.image_id, bulk.NewShapes(columns, np.array([lab.types["Slide"]])))
    with pytest.raises(Invalid, match="z from 0 to 2"):
        adder(services, lab).bulk_create(lab.image_id, bulk.NewShapes(columns, good.type_ids, Frame(7, 0, -1)))
    with pytest.raises(NotFound):
        adder(services, lab, "stranger").bulk_create(lab.image_id, good)
    with pytest.raises(Forbidden):
        adder(services, lab, "viewer").bulk_create(lab.image_id, good)
    with lab.database.write() as session:
        session.get_one(ImageSet, lab.image_set_id).is_locked = True
    with pytest.raises(Conflict):
        adder(services, lab).bulk_create(lab.image_id, good)


def test_an_import_is_not_undone_by_mistake_and_drawing_goes_on_after_it(services: Services, lab: Lab) -> None:
    columns = polygons(20)
    adder(services, lab).bulk_create(lab.image_id, bulk.NewShapes(columns, np.full(20, lab.types["Cell"])))
    assert lab.post("ann", "undo").status_code == 409
    drawn = lab.draw("ann")
    assert drawn["revision"] == 2
    assert lab.post("ann", "undo").status_code == 200
    assert lab.get("ann", "annotation-counts").json()["total"] == 20
