"""The running hash of the change log: it can be computed again from the rows, and it tells every difference."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from exact_core.annotations import bulk, digest, revert_writing
from exact_core.annotations.scope import ROWS, Frame
from exact_core.annotations.service import Annotations
from exact_core.annotations.states import DETAILS
from exact_core.api.contributions import Shape
from exact_core.review.digest import state_digest
from exact_core.services import Services
from exact_core.storage.models import Annotation, ChangeSet, Image, ImageReview
from tests.core.annotations.conftest import Lab


def computed_again(session: Session, image_set_id: int) -> list[str]:
    """The digests of all change sets from nothing but the stored rows."""
    found, before = [], ""
    log = select(ChangeSet).where(ChangeSet.image_set_id == image_set_id).order_by(ChangeSet.revision)
    for change in session.scalars(log):
        rows, states = _rows(session, image_set_id, change.revision), _states(session, image_set_id, change.revision)
        # A change of many images takes its revision, and says that they are in work, before it writes their rows.
        for part in (*states, rows) if change.image_id is None else (rows, *states):
            before = digest.linked(before, part)
        found.append(before)
    return found


def _states(session: Session, image_set_id: int, revision: int) -> list[bytes]:
    own = (Image.image_set_id == image_set_id, ImageReview.valid_from == revision)
    said = session.scalars(select(ImageReview).join(Image, Image.id == ImageReview.image_id).where(*own))
    return [state_digest(each.image_id, each.reader_id, each.state, each.reason) for each in said]


def _rows(session: Session, image_set_id: int, revision: int) -> bytes:
    row = ROWS.c
    of_set = row.image_id.in_(select(Image.id).where(Image.image_set_id == image_set_id))
    detail = and_(
        DETAILS.c.annotation_id == row.annotation_id, DETAILS.c.valid_from <= revision, DETAILS.c.valid_to > revision
    )
    joined = ROWS.join(Annotation, Annotation.id == row.annotation_id)
    columns = (Annotation.uuid, row.image_id, row.author_id, row.type_id, row.z, row.t, row.c)
    opened = session.execute(
        select(*columns, row.geometry, row.text, DETAILS.c.attributes)
        .select_from(joined.outerjoin(DETAILS, detail))
        .where(of_set, row.valid_from == revision)
        .order_by(row.annotation_id)
    ).all()
    closed = session.execute(
        select(row.image_id, Annotation.uuid, row.valid_from)
        .select_from(joined)
        .where(of_set, row.valid_to == revision)
        .order_by(row.annotation_id)
    ).all()
    numbers = np.array([[value or 0 for value in each[1:7]] for each in opened], np.int64).reshape(-1, 6)
    return digest.rows_digest(
        digest.Opened(
            [each[0] for each in opened],
            numbers,
            [bytes(each[7]) for each in opened],
            [each[8] for each in opened],
            [each[9] for each in opened],
        ),
        [(image_id, uuid, valid_from) for image_id, uuid, valid_from in closed],
    )


def test_the_hash_can_be_computed_again_from_the_rows(lab: Lab, services: Services) -> None:
    first = lab.draw("ann", text="first", claimed_author="x")
    lab.draw("ben", 500, 500, 520, 530)
    lab.change("ann", {"op": "update", "id": first["id"], "type_id": lab.types["Nucleus"], "text": "färbung"})
    lab.change("ann", {"op": "delete", "id": first["id"]})
    lab.post("ann", "undo")
    lab.post("ann", "redo")
    rings = [[[x, y], [x + 30, y], [x + 20, y + 40]] for x, y in ((9000, 100), (10, 20), (4000, 9000), (10, 25))]
    columns = bulk.columns_of_rings(Shape.POLYGON, rings)
    shapes = bulk.NewShapes(columns, np.full(4, lab.types["Cell"]))
    hooks = services.kernel.hooks
    annotations = Annotations(lab.database, hooks, lab.people["ben"])
    annotations.bulk_create(lab.image_id, shapes)
    annotations.bulk_create(
        lab.image_id, replace(shapes, texts=["", "b", "", "d"], frame=Frame(1, 0, -1)), kind="model"
    )
    with lab.database.read() as session:
        kept = list(session.scalars(select(ChangeSet.digest).order_by(ChangeSet.revision)))
        assert len(set(kept)) == len(kept) == 8
        assert computed_again(session, lab.image_set_id) == kept


def test_what_is_set_back_is_hashed_like_what_is_drawn(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = [{"name": "note", "kind": "text"}]
    lab["lead"].patch(f"/api/v2/annotation-types/{lab.types['Cell']}", json={"attributes": kinds})
    drawn = [lab.draw("ann", 10 * number, 10, 10 * number + 5, 20, attributes={"note": "a"}) for number in range(4)]
    lab.change(
        "ben", *({"op": "update", "id": one["id"], "attributes": {"note": "b"}, "text": "é"} for one in drawn[:2])
    )
    lab.change("ann", *({"op": "delete", "id": one["id"]} for one in drawn[1:]))
    lab.post("ann", "trash/restore", {"ids": [one["id"] for one in drawn[2:]]})
    lab.post("lead", "revert", {"what": "to_revision", "revision": 4})
    lab.post("lead", "undo")
    lab.post("lead", "redo")
    lab["ben"].post(f"/api/v2/annotations/{drawn[0]['id']}/revert", json={"revision": 5})
    with lab.database.read() as session:
        kept = list(session.scalars(select(ChangeSet.digest).order_by(ChangeSet.revision)))
        assert computed_again(session, lab.image_set_id) == kept
        assert len(set(kept)) == len(kept) == 11
    monkeypatch.setattr(revert_writing, "_CHUNK", 3)  # in parts, whose hashes follow each other
    live = {one["id"]: one for one in lab.get("lead", "annotations").json()["items"]}
    assert len(live) == 4
    lab.post("lead", "revert", {"what": "to_revision", "revision": 0})
    empty = digest.Opened([], np.empty((0, 6), np.int64), [], [], [])
    ended = [(lab.image_id, one["uuid"], one["revision"]) for _, one in sorted(live.items())]
    parts = digest.rows_digest(empty, ended[:3]) + digest.rows_digest(empty, ended[3:])
    with lab.database.read() as session:
        last = session.scalars(select(ChangeSet.digest).order_by(ChangeSet.revision.desc())).first()
    assert last == digest.linked(kept[-1], parts)


def test_attributes_are_in_the_hash_in_the_same_form_from_both_databases(lab: Lab) -> None:
    kinds = [{"name": "size", "kind": "number"}, {"name": "note", "kind": "text"}, {"name": "sure", "kind": "boolean"}]
    answer = lab["lead"].patch(f"/api/v2/annotation-types/{lab.types['Cell']}", json={"attributes": kinds})
    assert answer.status_code == 200, answer.text
    one = lab.draw("ann", attributes={"size": 1e20, "note": "µ", "sure": True})
    lab.change("ann", {"op": "update", "id": one["id"], "attributes": {"size": 2.0, "note": "x"}})
    with lab.database.read() as session:
        kept = list(session.scalars(select(ChangeSet.digest).order_by(ChangeSet.revision)))
        assert computed_again(session, lab.image_set_id) == kept


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_canonical_json_is_the_same_for_equal_values(value: object) -> None:
    text = digest.canonical_json(value)
    assert digest.canonical_json(json.loads(text)) == text
    assert json.loads(text) == value


def one_row(**values: object) -> digest.Opened:
    row = digest.Opened(["a"], np.array([[1, 2, 3, 0, 0, -1]]), [b"abcd"], ["x"], [{"k": 1}])
    return replace(row, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "other",
    [
        one_row(uuids=["b"]),
        one_row(geometry=[b"abce"]),
        one_row(texts=["y"]),
        one_row(texts=[""]),
        one_row(attributes=[{"k": 2}]),
        one_row(attributes=[None]),
        *(one_row(numbers=np.array([[1, 2, 3, 0, 0, -1]]) + np.eye(6, dtype=np.int64)[n]) for n in range(6)),
    ],
)
def test_every_part_of_a_row_changes_the_hash(other: digest.Opened) -> None:
    assert digest.rows_digest(other) != digest.rows_digest(one_row())
    assert digest.rows_digest(other) == digest.rows_digest(other)


def test_what_is_closed_and_what_comes_before_change_the_hash() -> None:
    rows = {digest.rows_digest(one_row(), closed) for closed in ([], [(1, "u", 4)], [(1, "u", 5)], [(2, "u", 4)])}
    assert len(rows) == 4
    assert digest.linked("a", b"x") != digest.linked("b", b"x") != digest.linked("b", b"y")
