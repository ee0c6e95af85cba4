"""Adding very many annotations at once: checked and packed with numpy, written the fastest way of each driver.

For imports, the demo and models. Shapes come as flat arrays. The checks are those of single shapes, done for all of
them together; the few that need cutting or mending go one by one through the ordinary path.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import insert

from exact_core.annotations import bulk_insert, rules
from exact_core.annotations.geometry import Box, Geometry, from_rings, rounded, without_repeats
from exact_core.annotations.packing import Columns, columns_of, pack, pack_many, take
from exact_core.annotations.scope import Frame
from exact_core.annotations.spatial import WHOLE_IMAGE_CELL, summary_cells, tile_keys
from exact_core.annotations.states import DETAILS, State, add_counts
from exact_core.annotations.writing import Writer
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.api.events import AnnotationAction, AnnotationChange
from exact_core.storage.models import LIVE, now

_AREAS = (Shape.POLYGON.number, Shape.MULTI_POLYGON.number)
_CORNERS = (Shape.BOX.number, Shape.ELLIPSE.number)
_LINES = (Shape.LINE.number, Shape.POLYLINE.number)
_TYPE_BITS = 14  # types of one bulk, in a number beside the 48 bits of a cell
_FEWEST = np.array([0, 1, 2, 2, 2, 2, 3, 4, 3, 0])  # by number of the shape
_MOST = np.array([0, 1, 2, 2, 2, 2**31, 2**31, 4, 2**31, 0])


@dataclass(frozen=True, slots=True)
class NewShapes:
    """Shapes to add, all of one frame.

    Attributes:
        columns: Their geometries.
        type_ids: The type of each.
        frame: The frame of all.
        uuids: The name of each; made here when left out.
        texts: Free text of each.
        attributes: Attributes of each.
        claimed_author: Who drew them, as the file or the model says.
    """

    columns: Columns
    type_ids: NDArray[np.int64]
    frame: Frame = rules.DEFAULT_FRAME
    uuids: Sequence[str] | None = None
    texts: Sequence[str] | None = None
    attributes: Sequence[Mapping[str, Any] | None] | None = None
    claimed_author: str = ""


@dataclass(frozen=True, slots=True)
class Added:
    """What was added: the revision, the permanent number of each shape (0 when refused), and why some were refused."""

    revision: int
    ids: NDArray[np.int64]
    refused: dict[int, str]


@dataclass(frozen=True, slots=True)
class _Checked:
    """Shapes as they are stored; ``index`` says which of the given ones they are."""

    index: NDArray[np.int64]
    shape: NDArray[np.int64]
    packed: list[bytes]
    boxes: NDArray[np.int64]


def columns_of_rings(shape: Shape, rings: Sequence[Any]) -> Columns:
    """Shapes of one ring each as flat arrays; a closed ring may repeat its first vertex."""
    arrays = [rounded(np.asarray(ring, np.float64).reshape(-1, 2)) for ring in rings]
    if shape is Shape.POLYGON:
        arrays = [without_repeats(ring) for ring in arrays]
    return columns_of([Geometry(shape, ring, (len(ring),), (False,)) for ring in arrays])


def add(
    writer: Writer,
    shapes: NewShapes,
    *,
    kind: str = "import",
    reason: str = "",
    run: str = "",
    skip_bad: bool = False,
) -> Added:
    """Add shapes as one revision of the image set.

    Args:
        writer: Where and for whom; it has checked the rights and holds the set's lock.
        shapes: What to add.
        kind: ``import`` or ``model``, as the change log shall say.
        reason: Shown in the history.
        run: Names the model run, the import or the job, so that all of it can be reverted by this name; several
            calls may belong to one. Made from the kind and the revision when left out.
        skip_bad: Leave out shapes that cannot be kept and report them, instead of refusing all.
    """
    refused: dict[int, str] = {}
    _check_types(writer, shapes)
    rules.checked_frame(shapes.frame, writer.facts)
    checked = _checked(shapes.columns, writer.facts.width, writer.facts.height, refused)
    if refused and not skip_bad:
        number, why = min(refused.items())
        raise Invalid(f"Shape {number}: {why}")
    ids = np.zeros(len(shapes.columns), np.int64)
    if not len(checked.index):
        return Added(writer.facts.revision, ids, refused)
    run = run or f"{kind} {writer.facts.revision + 1}"
    revision = writer.log_change_set(len(checked.index), kind, reason, run=run)
    chosen = checked.index.tolist()
    uuids = [shapes.uuids[number] for number in chosen] if shapes.uuids else _new_uuids(len(chosen))
    ids[checked.index] = _write(writer, shapes, checked, uuids, revision)
    _tell_hooks(writer, shapes, checked, uuids, ids, revision)
    return Added(revision, ids, refused)


def _check_types(writer: Writer, shapes: NewShapes) -> None:
    """Each type must be active in the set, and allow each of the forms that come with it."""
    if len(shapes.type_ids) != len(shapes.columns):
        raise Invalid(f"There are {len(shapes.columns)} shapes but {len(shapes.type_ids)} types.")
    pairs = np.unique(shapes.type_ids.astype(np.int64) << 8 | shapes.columns.shape)
    for type_id, number in ((pair >> 8, pair & 0xFF) for pair in pairs.tolist()):
        rule = writer.types.require(type_id)
        rule.require_active()
        rule.require_shape(Shape.from_number(number))
    for text in shapes.texts or ():
        rules.checked_text(text)
    for type_id, values in zip(shapes.type_ids.tolist(), shapes.attributes or (), strict=False):
        rules.checked_attributes(writer.types.require(type_id), values or {})


def _checked(columns: Columns, width: int, height: int, refused: dict[int, str]) -> _Checked:
    """Split into shapes that are good as they are, and those that are looked at one by one."""
    doubtful = _doubtful(columns, width, height)
    good = np.flatnonzero(~doubtful)
    fine = columns if len(good) == len(columns) else take(columns, ~doubtful)
    index, packed = good.tolist(), pack_many(fine)
    boxes = [_boxes(fine, width, height)]
    for number in np.flatnonzero(doubtful).tolist():
        try:
            geometry = _one(take(columns, np.arange(len(columns)) == number), width, height)
        except Invalid as error:
            refused[number] = error.message
            continue
        index.append(number)
        packed.append(pack(geometry))
        boxes.append(np.array([geometry.box(width, height)], np.int64))
    order = np.array(index, np.int64)
    return _Checked(order, columns.shape.astype(np.int64)[order], packed, np.concatenate(boxes))


def _one(column: Columns, width: int, height: int) -> Geometry:
    shape = Shape.from_number(int(column.shape[0]))
    rings = np.split(column.vertices, np.cumsum(column.ring_length.astype(np.int64))[:-1])
    return from_rings(shape, rings, [bool(hole) for hole in column.ring_hole], width, height)


def _doubtful(columns: Columns, width: int, height: int) -> NDArray[np.bool_]:
    """Shapes that are not certainly fine: wrong counts, outside of the image, without extent, crossing themselves."""
    number = columns.shape.astype(np.int64)
    rings = columns.rings
    owner = np.repeat(np.arange(len(columns)), rings)
    length = columns.ring_length.astype(np.int64)
    is_area = np.isin(number, _AREAS)
    found = np.where(is_area, rings < 1, rings != (number != Shape.IMAGE.number))
    bad_ring = (length < _FEWEST[number[owner]]) | (length > _MOST[number[owner]])
    ends = np.cumsum(length)
    filled = length > 0
    first, last = columns.vertices[(ends - length)[filled]], columns.vertices[ends[filled] - 1]
    closed = np.zeros(len(length), bool)
    closed[filled] = (first == last).all(axis=1)
    found |= np.bincount(owner[bad_ring | (closed & is_area[owner])], minlength=len(columns)) > 0
    found |= is_area & _repeats_vertices(columns, owner, ends - length)
    boxes = _boxes(columns, width, height)
    outside = (boxes[:, :2] < 0).any(axis=1) | (boxes[:, 2] >= width) | (boxes[:, 3] >= height)
    extent = boxes[:, 2:] - boxes[:, :2]
    found |= outside | (number == Shape.ROTATED_BOX.number)
    found |= np.isin(number, _CORNERS) & ((extent == 0).any(axis=1) | ~_corners_in_order(columns, boxes))
    found |= np.isin(number, _LINES) & ~extent.any(axis=1)
    check = is_area & ~found
    if check.any():
        found[np.flatnonzero(check)[~_valid_areas(take(columns, check))]] = True
    return found


def _repeats_vertices(columns: Columns, owner: NDArray[np.int64], ring_vertex: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether a vertex is the same as the one before it in its ring."""
    same = np.zeros(len(columns.vertices), bool)
    same[1:] = (columns.vertices[1:] == columns.vertices[:-1]).all(axis=1)
    same[ring_vertex[ring_vertex < len(same)]] = False
    shape = np.repeat(owner, columns.ring_length.astype(np.int64))
    answer: NDArray[np.bool_] = np.bincount(shape[same], minlength=len(columns)) > 0
    return answer


def _corners_in_order(columns: Columns, boxes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the first vertex is the upper left corner; meaningful for boxes and ellipses only."""
    first = _first_vertices(columns)
    answer: NDArray[np.bool_] = (first == boxes[:, :2]).all(axis=1)
    return answer


def _first_vertices(columns: Columns) -> NDArray[np.int64]:
    starts = np.concatenate([[0], np.cumsum(columns.ring_length, dtype=np.int64)])
    vertex = starts[columns.ring_start[:-1].astype(np.int64)]
    answer = np.full((len(columns), 2), -1, np.int64)
    has = vertex < len(columns.vertices)
    answer[has] = columns.vertices[vertex[has]]
    return answer


def _valid_areas(columns: Columns) -> NDArray[np.bool_]:
    """Whether each polygon is valid; several parts are looked at one by one later."""
    length = columns.ring_length.astype(np.int64)
    rings = shapely.linearrings(columns.vertices.astype(np.float64), indices=np.repeat(np.arange(len(length)), length))
    owner = np.repeat(np.arange(len(columns)), columns.rings)
    outlines = np.bincount(owner, weights=columns.ring_hole == 0, minlength=len(columns))
    answer: NDArray[np.bool_] = np.asarray(shapely.is_valid(shapely.polygons(rings, indices=owner)))
    single: NDArray[np.bool_] = outlines == 1
    return answer & single


def _boxes(columns: Columns, width: int, height: int) -> NDArray[np.int64]:
    """Bounding boxes; those of labels of the whole image are the image's."""
    answer = np.empty((len(columns), 4), np.int64)
    answer[:] = Box(0, 0, max(width - 1, 0), max(height - 1, 0))
    if not len(columns.vertices):
        return answer
    starts = np.concatenate([[0], np.cumsum(columns.ring_length, dtype=np.int64)])
    vertex = starts[columns.ring_start.astype(np.int64)]
    has = vertex[1:] > vertex[:-1]
    answer[has, :2] = np.minimum.reduceat(columns.vertices, vertex[:-1][has], axis=0)
    answer[has, 2:] = np.maximum.reduceat(columns.vertices, vertex[:-1][has], axis=0)
    return answer


def _write(writer: Writer, shapes: NewShapes, checked: _Checked, uuids: list[str], revision: int) -> NDArray[np.int64]:
    at = now()
    chosen = checked.index.tolist()
    target = bulk_insert.target(writer.session)
    image_id, author_id = writer.facts.image_id, writer.editor_id
    ids = target.identities(image_id, uuids, author_id, shapes.claimed_author, at)
    keys, cells = tile_keys(checked.boxes), summary_cells(checked.boxes)
    cells[checked.shape == Shape.IMAGE.number] = WHOLE_IMAGE_CELL
    type_ids = shapes.type_ids[checked.index]
    order = np.argsort(keys, kind="stable")  # rows lie in this order, so that each page is written once
    target.states(
        bulk_insert.Rows(
            image_id=image_id,
            valid_from=revision,
            author_id=author_id,
            frame=shapes.frame,
            at=at,
            tile_key=keys[order],
            annotation_id=ids[order],
            type_id=type_ids[order],
            shape=checked.shape[order],
            boxes=checked.boxes[order],
            geometry=[checked.packed[place] for place in order.tolist()],
            text=[shapes.texts[chosen[place]] for place in order.tolist()] if shapes.texts else None,
        )
    )
    _write_attributes(writer, shapes, chosen, ids, revision)
    types, index = np.unique(type_ids, return_inverse=True)
    pairs, counts = np.unique(cells << _TYPE_BITS | index, return_counts=True)
    frame = (shapes.frame.z, shapes.frame.t, shapes.frame.c)
    add_counts(
        writer.session,
        {
            (image_id, *frame, int(types[pair & (1 << _TYPE_BITS) - 1]), author_id or 0, pair >> _TYPE_BITS): n
            for pair, n in zip(pairs.tolist(), counts.tolist(), strict=True)
        },
    )
    return ids


def _write_attributes(
    writer: Writer, shapes: NewShapes, chosen: list[int], ids: NDArray[np.int64], revision: int
) -> None:
    if not shapes.attributes:
        return
    rows = [
        {"annotation_id": id_, "valid_from": revision, "valid_to": LIVE, "attributes": dict(values)}
        for id_, number in zip(ids.tolist(), chosen, strict=True)
        if (values := shapes.attributes[number])
    ]
    if rows:
        writer.session.execute(insert(DETAILS), rows)


def _tell_hooks(
    writer: Writer, shapes: NewShapes, checked: _Checked, uuids: list[str], ids: NDArray[np.int64], revision: int
) -> None:
    """One event per shape, made only where somebody listens."""
    if writer.record is None:
        return
    for place, number in enumerate(checked.index.tolist()):
        shape = Shape.from_number(int(checked.shape[place]))
        box = Box(*checked.boxes[place].tolist())
        text = shapes.texts[number] if shapes.texts else ""
        state = State(int(shapes.type_ids[number]), shape, b"", box, shapes.frame, text)
        writer.record(
            AnnotationChange(
                action=AnnotationAction.CREATED,
                image_set_id=writer.facts.image_set_id,
                image_id=writer.facts.image_id,
                annotation_id=int(ids[number]),
                uuid=uuids[place],
                revision=revision,
                before=None,
                after=state.event(),
                author_id=writer.editor_id,
                actor_id=writer.editor_id,
            )
        )


def _new_uuids(count: int) -> list[str]:
    """Time-ordered names (version 7) that lie side by side in an index, which makes adding them fast."""
    stamp = f"{time.time_ns() // 1_000_000:012x}"
    noise = secrets.token_hex(7)
    prefix = f"{stamp[:8]}-{stamp[8:]}-7{noise[:3]}-{8 + int(noise[3], 16) % 4:x}{noise[4:7]}-{noise[7:11]}"
    return [f"{prefix}{number:08x}" for number in range(count)]
