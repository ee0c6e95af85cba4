"""Annotations at 100,000 shapes of 8 to 40 vertices beside the layout of the original EXACT, on SQLite.

The original keeps a JSON vector per row and answers a view by reading all rows of the image. CPU time of this process,
as ratios of interleaved rounds: the machine's speed and its other work cancel out.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import text

from exact_core.annotations import bulk, views
from exact_core.annotations.counts import by_type_and_author
from exact_core.annotations.geometry import Box
from exact_core.annotations.packing import Columns
from exact_core.annotations.scope import EVERYTHING, ReadScope, read_scope
from exact_core.annotations.service import Annotations
from exact_core.annotations.writing import Create
from exact_core.api.context import Actor
from exact_core.storage import migrate
from exact_core.storage.database import Database
from exact_core.storage.idempotency import Repeat
from exact_core.storage.models import AnnotationType, Image, ImageSet, ImageSetProduct, Product, Team, User

SHAPES, SIDE, TYPES = 100_000, 100_000, 5
ROUNDS = 3

_JSON_LAYOUT = (
    """CREATE TABLE json_annotation (id INTEGER PRIMARY KEY, time TEXT, vector TEXT, unique_identifier TEXT UNIQUE,
    annotation_type_id INTEGER, image_id INTEGER, user_id INTEGER, last_editor_id INTEGER, last_edit_time TEXT,
    deleted INTEGER, description TEXT)""",
    "CREATE INDEX json_by_image ON json_annotation(image_id)",
    "CREATE INDEX json_by_type ON json_annotation(annotation_type_id)",
    "CREATE INDEX json_by_user ON json_annotation(user_id)",
    "CREATE INDEX json_by_editor ON json_annotation(last_editor_id)",
)


class _NoPlugins:
    """Hooks of an instance in which no plugin listens."""

    def hears_annotations(self, image_set_id: int) -> bool:
        return False

    def annotations_changing(self, session: object, changes: object, actor: object) -> None: ...
    def annotations_changed(self, changes: object) -> None: ...
    def images_changing(self, session: object, changes: object, actor: object) -> None: ...
    def images_changed(self, changes: object) -> None: ...


def run() -> list[dict[str, object]]:
    """Measure adding, viewing and counting."""
    with tempfile.TemporaryDirectory(prefix="exact-bench-") as folder:
        database = Database(f"sqlite:///{Path(folder) / 'bench.sqlite3'}")
        try:
            return _run(database)
        finally:
            database.dispose()


def _run(database: Database) -> list[dict[str, object]]:
    migrate.upgrade(database)
    with database.write() as session:
        for statement in _JSON_LAYOUT:
            session.execute(text(statement))
    actor, image_set_id, type_ids = _people(database)
    columns = _shapes()
    rings = np.split(columns.vertices, np.cumsum(columns.ring_length.astype(np.int64))[:-1])
    kinds = np.array(type_ids)[np.arange(SHAPES) % TYPES]
    annotations = Annotations(database, _NoPlugins(), actor)
    images = [_image(database, image_set_id, number) for number in range(ROUNDS)]

    ours, theirs = [], []
    for image_id in images:
        ours.append(_cpu(lambda image_id=image_id: annotations.bulk_create(image_id, bulk.NewShapes(columns, kinds))))
        theirs.append(_cpu(lambda image_id=image_id: _add_json(database, image_id, rings, kinds)))
    figures = [_ratio("bulk add, rows per CPU second", theirs, ours, 1.0)]

    image_id = images[-1]
    box = Box(SIDE // 2, SIDE // 2, SIDE // 2 + SIDE // 10, SIDE // 2 + SIDE // 10)
    corner = Box(100, 100, 1_300, 1_000)
    with database.read() as session:
        scope = read_scope(session, actor, image_id, lambda *_: True)
        request = views.ViewRequest(box, limit=views.MAX_LIMIT)
        pairs = _interleaved(lambda: views.view(session, scope, request), lambda: _view_json(session, image_id, box))
        figures.append(_ratio("view of 1 % of the slide, as sent", pairs[1], pairs[0], 25.0))
        pairs = _interleaved(
            lambda: views.view(session, scope, views.ViewRequest(corner, 1.0)),
            lambda: _view_json(session, image_id, corner),
        )
        figures.append(_ratio("view of a screen at full size, as sent", pairs[1], pairs[0], 100.0))
        pairs = _interleaved(
            lambda: by_type_and_author(session, scope, EVERYTHING), lambda: _count_json(session, image_id)
        )
        figures.append(_ratio("counts by type", pairs[1], pairs[0], 8.0))
        figures.append(_wire(session, scope, request, rings, kinds))
    figures.append(_single(annotations, actor, image_id, type_ids[0]))
    return figures


def _people(database: Database) -> tuple[Actor, int, list[int]]:
    with database.write() as session:
        user = User(name="bench", folded_name="bench", is_admin=True)
        team = Team(name="bench", folded_name="bench")
        session.add_all([user, team])
        session.flush()
        image_set = ImageSet(team_id=team.id, name="bench")
        product = Product(team_id=team.id, name="bench")
        session.add_all([image_set, product])
        session.flush()
        session.add(ImageSetProduct(image_set_id=image_set.id, product_id=product.id))
        kinds = [AnnotationType(product_id=product.id, name=str(n), shapes=["polygon", "box"]) for n in range(TYPES)]
        session.add_all(kinds)
        session.flush()
        return Actor(user.id, "bench", is_admin=True), image_set.id, [kind.id for kind in kinds]


def _image(database: Database, image_set_id: int, number: int) -> int:
    with database.write() as session:
        image = Image(
            image_set_id=image_set_id, name=str(number), file_path="-", status="ready", width=SIDE, height=SIDE
        )
        session.add(image)
        session.flush()
        return image.id


def _shapes() -> Columns:
    numbers = np.random.default_rng(3)
    length = numbers.integers(8, 41, SHAPES)
    owner = np.repeat(np.arange(SHAPES), length)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(length) - length, length)
    angle = (place + numbers.random(len(owner)) * 0.6) / length[owner] * 2 * np.pi
    center = numbers.integers(100, SIDE - 100, (SHAPES, 2))
    spokes = np.stack([np.cos(angle), np.sin(angle)], axis=1) * numbers.integers(30, 60, SHAPES)[owner, None]
    return Columns(
        np.full(SHAPES, 6, np.uint8),
        np.arange(SHAPES + 1, dtype=np.uint32),
        length.astype(np.uint32),
        np.zeros(SHAPES, np.uint8),
        np.rint(center[owner] + spokes).astype(np.int32),
    )


def _add_json(database: Database, image_id: int, rings: Sequence[Any], kinds: Any) -> None:
    """Rows of the original, with its keys ``x1, y1, x2, ...``."""
    at = "2021-06-01 12:00:00.000000"
    rows = []
    for ring, kind in zip(rings, kinds.tolist(), strict=True):
        vector = {}
        for number, (x, y) in enumerate(ring.tolist(), start=1):
            vector[f"x{number}"] = x
            vector[f"y{number}"] = y
        rows.append((at, json.dumps(vector), str(uuid.uuid4()), kind, image_id, 1, 1, at, 0, ""))
    with database.write() as session:
        session.connection().exec_driver_sql(
            "INSERT INTO json_annotation (time, vector, unique_identifier, annotation_type_id, image_id, user_id,"
            " last_editor_id, last_edit_time, deleted, description) VALUES (?,?,?,?,?,?,?,?,?,?)",
            rows,
        )


def _view_json(session: Any, image_id: int, box: Box) -> bytes:
    """All rows of the image, as the original's client loads them, and those in the rectangle as JSON."""
    statement = text(
        "SELECT id, annotation_type_id, user_id, vector FROM json_annotation WHERE image_id = :image AND deleted = 0"
    )
    found = []
    for id_, kind, user, vector in session.execute(statement, {"image": image_id}):
        values = json.loads(vector)
        xs, ys = list(values.values())[::2], list(values.values())[1::2]
        if min(xs) <= box.x1 and max(xs) >= box.x0 and min(ys) <= box.y1 and max(ys) >= box.y0:
            found.append({"id": id_, "annotation_type": kind, "user": user, "vector": values})
    return json.dumps(found).encode()


def _count_json(session: Any, image_id: int) -> list[Any]:
    statement = (
        "SELECT annotation_type_id, count(*) FROM json_annotation"
        " WHERE image_id = :image AND deleted = 0 GROUP BY annotation_type_id"
    )
    return list(session.execute(text(statement), {"image": image_id}))


def _wire(
    session: Any, scope: ReadScope, request: views.ViewRequest, rings: Sequence[Any], kinds: Any
) -> dict[str, object]:
    """Bytes per shape of a view beside the original's JSON of the same shapes."""
    body = views.view(session, scope, request)
    count = int(body.split(b'"n":', 1)[1].split(b",", 1)[0])
    sample = [
        {
            "id": number,
            "annotation_type": int(kinds[number]),
            "vector": {
                f"{axis}{n}": v
                for n, (x, y) in enumerate(rings[number].tolist(), 1)
                for axis, v in (("x", x), ("y", y))
            },
            "unique_identifier": str(uuid.uuid4()),
            "user": 1,
            "last_editor": 1,
            "time": "2021-06-01T12:00:00.000000+02:00",
            "last_edit_time": "2021-06-01T12:00:00.000000+02:00",
            "image": 1,
            "deleted": False,
            "description": "",
        }
        for number in range(1000)
    ]
    ratio = len(json.dumps(sample)) / len(sample) / (len(body) / count)
    return {
        "name": "bytes of a view",
        "value": round(ratio, 1),
        "unit": "x fewer",
        "bar": ">= 4",
        "holds": ratio >= 4,
        "peer": "EXACT's JSON",
        "bytes_per_shape": round(len(body) / count, 1),
    }


def _single(annotations: Annotations, actor: Actor, image_id: int, type_id: int) -> dict[str, object]:
    """One shape through the service: rights, rules, revision, counts, log, commit."""
    times = []
    for number in range(60):
        geometry = {"shape": "box", "points": [[number * 50, 10], [number * 50 + 30, 40]]}
        operation = Create(str(uuid.uuid4()), type_id, geometry)
        times.append(
            _cpu(lambda operation=operation: annotations.apply(image_id, [operation], "", Repeat(actor, None)))
        )
    value = statistics.median(times) * 1000
    return {
        "name": "one shape drawn, CPU",
        "value": round(value, 2),
        "unit": "ms",
        "bar": "<= 12",
        "holds": value <= 12,
        "peer": "EXACT: 23 to 28 ms",
    }


def _interleaved(ours: Callable[[], object], theirs: Callable[[], object]) -> tuple[list[float], list[float]]:
    ours()
    pairs = [(_cpu(ours, 5), _cpu(theirs)) for _ in range(ROUNDS)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def _cpu(work: Callable[[], object], times: int = 1) -> float:
    start = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - start) / times


def _ratio(name: str, theirs: Sequence[float], ours: Sequence[float], bar: float) -> dict[str, object]:
    value = statistics.median(theirs) / max(statistics.median(ours), 1e-9)
    return {
        "name": name,
        "value": round(value, 1),
        "unit": "x less CPU",
        "bar": f">= {bar:g}",
        "holds": value >= bar,
        "peer": "JSON rows, as EXACT keeps them",
        "ms": round(statistics.median(ours) * 1000, 2),
        "peer_ms": round(statistics.median(theirs) * 1000, 2),
    }
