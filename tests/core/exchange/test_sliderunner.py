"""Real SlideRunner databases, those of other versions and many people, and hostile ones."""

from __future__ import annotations

import io
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.exchange.registry import built_in
from tests.core.exchange.format_documents import EVERY_SHAPE, IMAGE, SECOND, Document, annotation, read, written

FORMAT = built_in("sliderunner")
REAL = ["HighMCAreas", "MITOS2012", "MITOS2012_test", "TUPAC", "TUPAC_Mitosis_ROI", "TUPAC_stitched", "demo"]
SCHEMA = """
CREATE TABLE Annotations_label (uid INTEGER PRIMARY KEY, person INTEGER, class INTEGER, annoId INTEGER);
CREATE TABLE Annotations_coordinates (uid INTEGER PRIMARY KEY, coordinateX INTEGER, coordinateY INTEGER, slide INTEGER,
  annoId INTEGER, orderIdx INTEGER);
CREATE TABLE Annotations (uid INTEGER PRIMARY KEY, slide INTEGER, type INTEGER, agreedClass INTEGER, guid TEXT,
  deleted INTEGER, description TEXT);
CREATE TABLE Classes (uid INTEGER PRIMARY KEY, name TEXT, color TEXT);
CREATE TABLE Persons (uid INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE Slides (uid INTEGER PRIMARY KEY, filename TEXT, width INTEGER, height INTEGER);
INSERT INTO Classes VALUES (1, 'Mitosis', '#FF0000'), (2, 'Nonmitosis', NULL);
INSERT INTO Persons VALUES (1, 'Ada'), (2, 'Bo');
INSERT INTO Slides VALUES (1, 'slide-1', 2000, 1500), (2, 'slide-2', 900, 700);
"""
GUID = "04a64cb7-123a-4f4e-8dfb-bf62e1ceac42"


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., bytes]:
    """Makes the bytes of a database from statements."""

    def make(*statements: str, schema: str = SCHEMA) -> bytes:
        path = tmp_path / "made.sqlite"
        path.unlink(missing_ok=True)
        connection = sqlite3.connect(path)
        connection.executescript(schema)
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        connection.close()
        return path.read_bytes()

    return make


@pytest.mark.data
@pytest.mark.parametrize("name", REAL)
def test_a_real_database_is_read_as_sqlite_counts_it(shared_data: Path, name: str) -> None:
    path = shared_data / "02-cytology-mitosis" / "tables" / f"{name}.sqlite"
    content = path.read_bytes()
    assert FORMAT.sniff(content[:65536], path.name) == 100
    found, report = read(FORMAT, content)
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
    try:
        kinds = dict(connection.execute("SELECT type, count(*) FROM Annotations GROUP BY type"))
        slides = connection.execute(
            "SELECT filename, count(*) FROM Annotations a JOIN Slides s ON s.uid = a.slide GROUP BY s.uid"
        ).fetchall()
        classes = dict(
            connection.execute(
                "SELECT c.name, count(*) FROM Annotations a JOIN Classes c ON c.uid = agreedClass GROUP BY 1"
            )
        )
        people = {name for (name,) in connection.execute("SELECT name FROM Persons")}
        sums = connection.execute(
            "SELECT sum(coordinateX), sum(coordinateY) FROM Annotations_coordinates c "
            "JOIN Annotations a ON a.uid = annoId WHERE type IN (1, 3)"
        ).fetchone()
    finally:
        connection.close()
    shapes = {1: Shape.POINT, 2: Shape.BOX, 3: Shape.POLYGON, 5: Shape.ELLIPSE}
    assert Counter(each.shape for each in found) == {shapes[kind]: count for kind, count in kinds.items()}
    expected: Counter[str] = Counter()
    for filename, count in slides:
        expected[filename] += count
    assert Counter(each.image for each in found) == expected
    assert Counter(each.label for each in found) == classes
    assert {each.author for each in found} <= people | {""}
    points = [each.rings[0] for each in found if each.shape in (Shape.POINT, Shape.POLYGON)]
    total = np.concatenate(points).sum(axis=0).tolist() if points else [None, None]
    assert tuple(total) == sums
    losses = (
        {"coordinates or labels of annotations that are not there: left out": 1} if name == "TUPAC_stitched" else {}
    )
    assert report.losses == losses


@pytest.mark.data
def test_the_demo_database_has_the_circle_and_the_box_that_were_drawn(shared_data: Path) -> None:
    content = (shared_data / "02-cytology-mitosis" / "tables" / "demo.sqlite").read_bytes()
    found = {each.place: each for each in read(FORMAT, content)[0]}
    assert np.asarray(found["annotation 2"].rings[0]).tolist() == [[14157, 11318], [14409, 11570]]
    assert np.asarray(found["annotation 8"].rings[0]).tolist() == [[17121, 8037], [18303, 8564]]
    polygon = np.asarray(found["annotation 1"].rings[0])
    assert (len(polygon), polygon[0].tolist(), polygon[-1].tolist()) == (22, [21081, 13763], [21024, 13786])
    assert {each.author for each in found.values()} == {"the expert"}


def test_each_persons_label_is_an_annotation_by_that_person(made: Any) -> None:
    content = made(
        f"INSERT INTO Annotations VALUES (1, 1, 1, 2, '{GUID}', 0, 'look')",
        "INSERT INTO Annotations_coordinates VALUES (1, 10, 20, 1, 1, 1)",
        "INSERT INTO Annotations_label VALUES (1, 1, 1, 1), (2, 2, 2, 1), (3, 1, 1, 1)",
    )
    found, _ = read(FORMAT, content)
    assert [(each.author, each.label, each.text, each.image) for each in found] == [
        ("Ada", "Mitosis", "look", "slide-1"),
        ("Bo", "Nonmitosis", "look", "slide-1"),
    ]
    assert found[0].uuid == GUID
    assert found[1].uuid not in (GUID, None)
    assert [each.attributes for each in found] == [{"agreed class": "Nonmitosis"}, {}]
    assert [each.color for each in found] == ["#ff0000", None]
    assert [each.uuid for each in read(FORMAT, content)[0]] == [each.uuid for each in found]


def test_unlabelled_deleted_and_odd_annotations(made: Any) -> None:
    content = made(
        "INSERT INTO Annotations VALUES (1, 2, 4, 0, NULL, 0, NULL), (2, 1, 1, 1, NULL, 1, NULL), "
        "(3, 1, 77, 1, NULL, 0, NULL), (4, 1, 1, 1, NULL, 0, NULL), (5, 1, 6, 2, NULL, 0, NULL)",
        "INSERT INTO Annotations_coordinates VALUES (1, 1, 2, 2, 1, 1), (2, 3, 4, 1, 2, 1), (3, 3, 4, 1, 3, 1), "
        "(4, NULL, NULL, 1, 5, 1), (5, 9, 9, 1, 99, 1)",
    )
    found, report = read(FORMAT, content)
    assert [(each.shape, each.label, each.image) for each in found] == [
        (Shape.POINT, "unlabelled", "slide-2"),
        (Shape.IMAGE, "Nonmitosis", "slide-1"),
    ]
    assert sorted(report.losses) == [
        "annotations of SlideRunner's type 77: left out",
        "annotations that were deleted in SlideRunner: left out",
        "annotations without coordinates: left out",
        "coordinates or labels of annotations that are not there: left out",
    ]


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        (["INSERT INTO Annotations_coordinates VALUES (1, 'x', 2, 1, 1, 1)"], "annotation 1 .*not numbers"),
        (["INSERT INTO Annotations_coordinates VALUES (1, 9e999, 2, 1, 1, 1)"], "not finite"),
        (["INSERT INTO Annotations_coordinates VALUES (1, x'00ff', 2, 1, 1, 1)"], "not numbers"),
        (["INSERT INTO Annotations_coordinates VALUES (1, NULL, 2, 1, 1, 1)"], "not numbers"),
        (["ALTER TABLE Persons RENAME TO People"], "no table Persons"),
        (["ALTER TABLE Classes RENAME COLUMN name TO title"], "no column name"),
        (
            ["DROP TABLE Slides", "CREATE VIEW Slides AS SELECT 1 AS uid, load_extension('x') AS filename"],
            "plain table",
        ),
        (
            ["DROP TABLE Slides", "CREATE TABLE Slides (uid INTEGER, filename TEXT AS (hex(zeroblob(1000000000))))"],
            "computed columns",
        ),
        (["DROP TABLE Slides", "CREATE VIRTUAL TABLE Slides USING fts5(uid, filename)"], "plain table"),
        (["DROP TABLE Slides", 'CREATE  VIRTUAL/**/TABLE "Slides" USING rtree(uid, filename, x)'], "plain table"),
    ],
)
def test_hostile_databases_are_refused(made: Any, statements: list[str], message: str) -> None:
    content = made("INSERT INTO Annotations VALUES (1, 1, 1, 1, NULL, 0, NULL)", *statements)
    with pytest.raises(Invalid, match=message):
        read(FORMAT, content)


def test_damaged_and_other_files_are_refused(made: Any) -> None:
    rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
    content = made(
        f"INSERT INTO Annotations SELECT * FROM ({rows} SELECT i, 1, 1, 1, NULL, 0, 'x' FROM n)",
        f"INSERT INTO Annotations_coordinates SELECT * FROM ({rows} SELECT i, i, i, 1, i, 1 FROM n)",
    )
    assert len(read(FORMAT, content)[0]) == 5000
    for broken in (content[: len(content) // 2], content[:4096] + b"\xff" * (len(content) - 4096), content[:100]):
        with pytest.raises(Invalid, match=r"damaged|no SlideRunner database"):
            read(FORMAT, broken)
    for other in (b"", b"not a database", b"PK\x03\x04"):
        with pytest.raises(Invalid, match="not a SQLite"):
            read(FORMAT, other)


def test_nothing_is_written_beside_the_file_and_nothing_is_left(
    made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(work))
    content = made("INSERT INTO Annotations VALUES (1, 1, 1, 1, NULL, 0, NULL)")
    assert FORMAT.read is not None
    read(FORMAT, content)
    written(FORMAT, Document({IMAGE.id: EVERY_SHAPE}))
    assert list(work.iterdir()) == []


def test_what_we_write_is_what_slide_runner_reads(tmp_path: Path) -> None:
    """Tables, columns and coordinates as its own loader asks for them."""
    document = Document({7: EVERY_SHAPE, 8: [annotation(99, Shape.POINT, [[[5, 6]]])]}, images=(IMAGE, SECOND))
    content, _ = written(FORMAT, document)
    path = tmp_path / "out.sqlite"
    path.write_bytes(content)
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = connection.execute(
            "SELECT uid, type, agreedClass, guid, lastModified, deleted, description, clickable FROM Annotations "
            "WHERE slide == 1"
        ).fetchall()
        assert [row[3] for row in rows if row[3]] == [each.uuid for each in EVERY_SHAPE]
        classes = dict(connection.execute("SELECT uid, name FROM Classes"))
        colors = dict(connection.execute("SELECT name, color FROM Classes"))
        assert colors["Tumor & <stroma>"] == "#ff8000"
        for uid, kind, agreed, guid, *_ in rows:
            points = connection.execute(
                "SELECT coordinateX, coordinateY, coordinateZ, annoid FROM Annotations_coordinates "
                f"WHERE annoId == {uid} ORDER BY orderIdx"
            ).fetchall()
            expected = next((each for each in EVERY_SHAPE if each.uuid == guid), None)
            if expected is not None:
                assert classes[agreed] == expected.type.name
            assert len(points) >= {1: 1, 2: 2, 3: 2, 5: 2, 6: 1}[kind]
            assert kind == 6 or all(isinstance(value, int) for point in points for value in point)
        labels = connection.execute("SELECT count(*) FROM Annotations_label").fetchone()[0]
        assert labels == connection.execute("SELECT count(*) FROM Annotations").fetchone()[0]
        persons = {name for (name,) in connection.execute("SELECT name FROM Persons")}
        assert persons == {each.claimed_author or each.author for each in EVERY_SHAPE}
    finally:
        connection.close()
    found, _ = read(FORMAT, content, [IMAGE, SECOND])
    assert Counter(each.image for each in found) == {"slide-1": len(EVERY_SHAPE), "slide-2": 1}


def test_a_moved_vertex_wins_over_our_notes(tmp_path: Path) -> None:
    expected = annotation(1, Shape.POLYGON, [[[10.5, 10.25], [20.5, 10], [20, 20.75]]], bits=4)
    path = tmp_path / "out.sqlite"
    path.write_bytes(written(FORMAT, Document({7: [expected]}))[0])
    connection = sqlite3.connect(path)
    connection.execute("UPDATE Annotations_coordinates SET coordinateX = 33 WHERE orderIdx = 2")
    connection.commit()
    connection.close()
    (found,), _ = read(FORMAT, path.read_bytes())
    assert np.asarray(found.rings[0]).tolist() == [[11, 10], [33, 10], [20, 21]]


def test_reading_gives_annotations_before_the_file_is_read_through(made: Any) -> None:
    content = made(
        "INSERT INTO Annotations VALUES (1, 1, 1, 1, NULL, 0, NULL), (2, 1, 1, 1, NULL, 0, NULL), "
        "(3, 1, 1, 1, NULL, 0, NULL)",
        "INSERT INTO Annotations_coordinates VALUES (1, 1, 2, 1, 1, 1), (2, 'x', 2, 1, 3, 1), (3, 5, 6, 1, 2, 1)",
    )
    from exact_core.exchange.document import ReadContext, Report

    assert FORMAT.read is not None
    shapes = FORMAT.read(io.BytesIO(content), ReadContext((IMAGE,), (), Report()))
    assert next(shapes).place == "annotation 1"
    with pytest.raises(Invalid, match="annotation 3"):
        list(shapes)
