"""What the engine's benchmark measures on one database with one number of shapes: seconds of processor time."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table, func, insert, select, text
from sqlalchemy.orm import Session

from benchmarks.engine_cpu import Meter
from benchmarks.engine_desk import Desk
from benchmarks.engine_peer import PAGE, JsonLayout
from benchmarks.engine_shapes import HEIGHT, WIDTH, ordinary_view, shapes
from benchmarks.engine_wire import wire_measures
from exact_core.annotations import views
from exact_core.annotations.counts import by_type_and_author
from exact_core.annotations.geometry import Box
from exact_core.annotations.packing import Columns
from exact_core.annotations.scope import EVERYTHING, ROWS
from exact_core.annotations.spatial import SUMMARY_CELL
from exact_core.storage.models import LIVE
from exact_core.versioning import diff
from tests.statements import statements_of

Measures = dict[str, float]

CHANGES = 1_500
_ROUNDS = 3
_SAVED = 1_000  # rows saved one by one, as a sample
_WHOLE_SLIDE = views.ViewRequest(Box(0, 0, WIDTH - 1, HEIGHT - 1), 0.02)


def measure(desk: Desk, count: int) -> Measures:
    """Everything that the table needs of one size."""
    peer = JsonLayout(desk.database)
    columns, classes = shapes(count)
    image_id = desk.image(1)
    box = ordinary_view(columns)
    measures = _bulk(desk, peer, image_id, columns, classes)
    desk.settle()
    measures |= _single(desk, image_id)
    measures |= _versions(desk, peer, count)
    measures |= _changes(desk, peer, image_id)
    measures |= _reading(desk, peer, image_id, box, rounds=_ROUNDS if count <= 100_000 else 1)
    if count == 100_000:
        measures |= _request(desk, peer, image_id, box)
        with desk.database.read() as session:
            measures |= wire_measures(session, desk.scope(session, image_id), desk.meter, columns, classes)
    return measures


def _bulk(desk: Desk, peer: JsonLayout, image_id: int, columns: Columns, classes: Any) -> Measures:
    """All shapes at once. What is measured more than once goes to images of its own."""
    ours, theirs, saved = [], [], []
    count = len(columns)
    for number in range(_ROUNDS if count <= 100_000 else 1):
        image = desk.image(10 + number) if number else image_id
        ours.append(desk.meter.of(lambda image=image: desk.add(image, columns, classes), most=1))
        theirs.append(desk.meter.of(lambda number=number: peer.add(columns, classes, 1 + number), most=1))
        saved.append(desk.meter.of(lambda: peer.save(columns, classes, _SAVED), most=1) / _SAVED * count)
    return {
        "bulk": statistics.median(ours),
        "peer bulk": statistics.median(theirs),
        "peer saving": statistics.median(saved),
    }


def _single(desk: Desk, image_id: int) -> Measures:
    """One edit with all that belongs to it, beside one row and its place in a plain spatial index."""
    plain = _Plain(desk)
    numbers = itertools.count()
    drawn = [desk.draw(image_id, 37 * number) for number in range(40)]
    works = {
        "draw": lambda: desk.draw(image_id, next(numbers) * 37 % (WIDTH - 100)),
        "move": lambda: desk.move(image_id, drawn[next(numbers) % 40], next(numbers) * 37 % (WIDTH - 100)),
        "plain insert": lambda: plain.insert(next(numbers) * 37 % (WIDTH - 100)),
    }
    return _interleaved(desk.meter, works, rounds=9)


class _Plain:
    """Rows with their boxes in the engine's own spatial index (R*Tree, GiST), written through SQLAlchemy."""

    def __init__(self, desk: Desk) -> None:
        self._database = desk.database
        self._is_sqlite = desk.database.dialect == "sqlite"
        tables = MetaData()
        numbers = [Column(name, Integer) for name in ("image_id", "type_id", "user_id", "x0", "y0", "x1", "y1")]
        table = Table(
            "plain", tables, Column("id", Integer, primary_key=True), Column("geometry", LargeBinary), *numbers
        )
        with self._database.write() as session:
            tables.create_all(session.connection())
            if self._is_sqlite:
                session.execute(text("CREATE VIRTUAL TABLE plain_tree USING rtree(id, x0, x1, y0, y1)"))
            else:
                session.execute(text("CREATE INDEX plain_tree ON plain USING gist (box(point(x0, y0), point(x1, y1)))"))
        self._row = insert(table).returning(table.c.id)
        self._place = text("INSERT INTO plain_tree VALUES (:id, :x0, :x1, :y0, :y1)")

    def insert(self, x: int) -> None:
        row = {"image_id": 1, "type_id": 1, "user_id": 1, "x0": x, "y0": 10, "x1": x + 30, "y1": 40}
        with self._database.write() as session:
            id_ = session.execute(self._row, {**row, "geometry": bytes(20)}).scalar_one()
            if self._is_sqlite:
                session.execute(self._place, {**row, "id": id_})


def _versions(desk: Desk, peer: JsonLayout, count: int) -> Measures:
    """A version, beside the copy that it was."""
    numbers = itertools.count(10)
    version = _middle(desk.meter, lambda: desk.version(f"v{next(numbers)}"))
    sample = min(_SAVED, count)
    copied = desk.meter.of(lambda: peer.copy_some(next(numbers), sample), most=1) / sample * count
    return {"version": version, "peer version": copied}


def _changes(desk: Desk, peer: JsonLayout, image_id: int) -> Measures:
    """What differs from a version after some changes."""
    before = desk.version("before")
    copied = desk.meter.of(lambda: peer.copy_all(1), most=1)
    peer.edit(CHANGES)
    with desk.database.read() as session:
        some = select(ROWS.c.annotation_id).where(ROWS.c.image_id == image_id, ROWS.c.valid_to == LIVE).limit(CHANGES)
        ids = list(session.scalars(some))
    desk.move_all(image_id, ids)
    desk.checkpoint()
    with desk.database.read() as session:
        after = desk.scope(session, image_id).revision
        asked = diff.Range(image_id, before, after)
        lines = diff.numbers(session, asked)
        assert sum(line.count for line in lines) == CHANGES, lines
        assert len(peer.diff(session, 1)) == CHANGES
        works = {"diff": lambda: diff.numbers(session, asked), "peer diff": lambda: peer.diff(session, 1)}
        found = _interleaved(desk.meter, works, rounds=_ROUNDS)
    return {**found, "peer whole copy": copied, "version revision": before}


def _reading(desk: Desk, peer: JsonLayout, image_id: int, box: Box, rounds: int) -> Measures:
    """Views, overviews and counts."""
    request = views.ViewRequest(box, limit=views.MAX_LIMIT)
    with desk.database.read() as session:
        scope = desk.scope(session, image_id)
        past = scope.as_of(scope.revision - 1)
        ours: dict[str, Callable[[], object]] = {
            "view": lambda: views.view(session, scope, request),
            "past view": lambda: views.view(session, past, request),
            "overview": lambda: views.view(session, scope, _WHOLE_SLIDE),
            "counts": lambda: by_type_and_author(session, scope, EVERYTHING),
            "grouped overview": lambda: _grouped_overview(session, image_id),
            "grouped counts": lambda: _grouped_counts(session, image_id),
            "peer counts": lambda: peer.counts(session),
        }
        slow = {
            "peer view": lambda: peer.view(session, box),
            "peer overview": lambda: peer.overview(session, SUMMARY_CELL),
        }
        measures = _interleaved(desk.meter, ours, rounds=_ROUNDS)
        measures |= _interleaved(desk.meter, slow, rounds=rounds, warm=False)
        return {**measures, "view rows": len(views.rows_of(session, scope, request, views.MAX_LIMIT))}


def _request(desk: Desk, peer: JsonLayout, image_id: int, box: Box) -> Measures:
    """The whole server's work for "which shapes are in view", beside the pages that EXACT's client walks."""
    address = f"/api/v2/images/{image_id}/annotation-view?x0={box.x0}&y0={box.y0}&x1={box.x1}&y1={box.y1}&scale=0.2"
    pages = 100_000 // PAGE
    with desk.requests() as ask:
        ours = _middle(desk.meter, lambda: ask(address), 0.2)
        with statements_of(desk.database.engine) as sent:
            ask(address)
    theirs = [
        desk.meter.of(lambda page=page: peer.page(page), most=1) for page in (0, pages // 4, pages // 2, pages - 1)
    ]
    reading = [statement for statement in sent if f"FROM {ROWS.name}" in statement or f"JOIN {ROWS.name}" in statement]
    return {
        "request": ours,
        "request queries": len(reading),
        "request statements": len([each for each in sent if "SELECT" in each]),
        "peer walk": statistics.mean(theirs) * pages,
    }


def _grouped_overview(session: Session, image_id: int) -> object:
    row = ROWS.c
    cell = (row.type_id, (row.x0 + row.x1) // (2 * SUMMARY_CELL), (row.y0 + row.y1) // (2 * SUMMARY_CELL))
    statement = select(*cell, func.count()).where(row.image_id == image_id, row.valid_to == LIVE)
    return session.execute(statement.group_by(*cell)).all()


def _grouped_counts(session: Session, image_id: int) -> object:
    row = ROWS.c
    statement = select(row.type_id, func.count()).where(row.image_id == image_id, row.valid_to == LIVE)
    return session.execute(statement.group_by(row.type_id)).all()


def _middle(meter: Meter, work: Callable[[], object], least: float = 0.05) -> float:
    work()
    return statistics.median(meter.of(work, least) for _ in range(_ROUNDS))


def _interleaved(
    meter: Meter, works: Mapping[str, Callable[[], object]], *, rounds: int, warm: bool = True
) -> Measures:
    """Medians of rounds, each of which does everything once or for a little while, in another order."""
    if warm:
        for work in works.values():
            work()
    found: dict[str, list[float]] = {name: [] for name in works}
    names = list(works)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            found[name].append(meter.of(works[name], 0.05))
    return {name: statistics.median(values) for name, values in found.items()}
