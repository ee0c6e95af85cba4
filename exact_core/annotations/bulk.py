"""Adding very many annotations at once: checked and packed with numpy, written the fastest way of each driver.

For imports, the demo and models. Shapes come as flat arrays. The checks are those of single shapes, done for all of
them together; the few that need cutting or mending go one by one through the ordinary path.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert

from exact_core.annotations import bulk_insert, digest, rules
from exact_core.annotations.bulk_checks import Checked, check
from exact_core.annotations.fixed_point import INT32_MAX, MAX_BITS, rings_in_units
from exact_core.annotations.geometry import Box, Geometry, without_repeats
from exact_core.annotations.outlines import Outlines
from exact_core.annotations.packing import Columns, columns_of
from exact_core.annotations.scope import Frame
from exact_core.annotations.spatial import WHOLE_IMAGE_CELL, summary_cells, tile_keys
from exact_core.annotations.states import DETAILS, State
from exact_core.annotations.writing import Writer
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.api.events import AnnotationAction, AnnotationChange
from exact_core.products.attributes import defaults
from exact_core.storage.models import LIVE, now

_LABELS = [shape.number for shape in Shape if shape.is_label]
_CELL_BITS = 48  # of a cell, in a number beside that of one of the types


@dataclass(frozen=True, slots=True)
class NewShapes:
    """Shapes to add, all of one frame.

    Attributes:
        columns: Their geometries; outlines still have their fractions of pixels.
        type_ids: The type of each.
        frame: The frame of all.
        uuids: The name of each; made here when left out.
        texts: Free text of each.
        attributes: Attributes of each.
        claimed_author: Who drew them, as the file or the model says.
    """

    columns: Columns | Outlines
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


def columns_of_rings(shape: Shape, rings: Sequence[Any]) -> Columns:
    """Shapes of one ring each as flat arrays; a closed ring may repeat its first vertex."""
    geometries = []
    for ring in rings:
        places = np.asarray(ring, np.float64).reshape(-1, 2)
        furthest = np.abs(places).max(initial=0.0)
        most = MAX_BITS if furthest < INT32_MAX >> MAX_BITS else 0
        [units], bits = rings_in_units([places], 0, most)
        vertices = without_repeats(units) if shape is Shape.POLYGON else units
        geometries.append(Geometry(shape, vertices.astype(np.int32), (len(vertices),), (False,), bits))
    return columns_of(geometries)


def add(
    writer: Writer,
    shapes: NewShapes,
    *,
    kind: str = "import",
    reason: str = "",
    run: str = "",
    skip_bad: bool = False,
    revision: int | None = None,
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
        revision: Add them to this revision, which was taken in the same transaction, instead of taking the next one;
            who gives it names the run and counts the changes.
    """
    refused: dict[int, str] = {}
    _check_types(writer, shapes)
    rules.checked_frame(shapes.frame, writer.facts)
    attributes = _checked_attributes(writer, shapes, refused)
    checked = _in_order(check(shapes.columns, writer.facts.width, writer.facts.height, refused))
    if refused and not skip_bad:
        number, why = min(refused.items())
        raise Invalid(f"Shape {number}: {why}")
    ids = np.zeros(len(shapes.columns), np.int64)
    if not len(checked.index):
        return Added(writer.facts.revision, ids, refused)
    chosen = checked.index.tolist()
    uuids = [shapes.uuids[number] for number in chosen] if shapes.uuids else new_uuids(len(chosen))
    rows = _rows_digest(writer, shapes, checked, uuids, attributes)
    if revision is None:
        run = run or f"{kind} {writer.facts.revision + 1}"
        revision = writer.log_change_set(len(chosen), kind, reason, run=run, rows=rows)
    else:
        writer.fold(revision, rows)
    ids[checked.index] = _write(writer, shapes, checked, uuids, attributes, revision)
    _tell_hooks(writer, shapes, checked, uuids, ids, revision)
    return Added(revision, ids, refused)


def _in_order(checked: Checked) -> Checked:
    """The shapes in the order of storage: numbers are given and rows written in it, so that each page of table and
    indexes is written once."""
    order = np.argsort(tile_keys(checked.boxes), kind="stable")
    places = order.tolist()
    packed = list(itemgetter(*places)(checked.packed)) if len(places) > 1 else checked.packed
    return Checked(checked.index[order], checked.shape[order], packed, checked.boxes[order])


def _rows_digest(
    writer: Writer,
    shapes: NewShapes,
    checked: Checked,
    uuids: list[str],
    attributes: Sequence[Mapping[str, Any]] | None,
) -> bytes:
    """The hash of the rows, for the change log."""
    chosen = checked.index.tolist()
    opened = digest.opened_of_bulk(
        writer.facts.image_id,
        writer.editor_id,
        shapes.frame,
        uuids,
        shapes.type_ids[checked.index],
        checked.packed,
        [shapes.texts[number] for number in chosen] if shapes.texts else (),
        [attributes[number] for number in chosen] if attributes else (),
    )
    return digest.rows_digest(opened)


def _check_types(writer: Writer, shapes: NewShapes) -> None:
    """Each type must be active in the set, and allow each of the forms that come with it."""
    if len(shapes.type_ids) != len(shapes.columns):
        raise Invalid(f"There are {len(shapes.columns)} shapes but {len(shapes.type_ids)} types.")
    writer.types.prepare(np.unique(shapes.type_ids).tolist())
    pairs = np.unique(shapes.type_ids.astype(np.int64) << 8 | shapes.columns.shape)
    for type_id, number in ((pair >> 8, pair & 0xFF) for pair in pairs.tolist()):
        rule = writer.types.require(type_id)
        rule.require_active()
        rule.require_shape(Shape.from_number(number))
    for text in shapes.texts or ():
        rules.checked_text(text)


def _checked_attributes(writer: Writer, shapes: NewShapes, refused: dict[int, str]) -> list[dict[str, Any]] | None:
    """Attributes with the defaults of the types; None when no shape can have any."""
    kinds = {type_id: writer.types.require(type_id) for type_id in np.unique(shapes.type_ids).tolist()}
    if not shapes.attributes and not any(kind.attributes for kind in kinds.values()):
        return None
    given = shapes.attributes or [None] * len(shapes.type_ids)
    answer: list[dict[str, Any]] = []
    for number, (type_id, values) in enumerate(zip(shapes.type_ids.tolist(), given, strict=True)):
        kind = kinds[type_id]
        try:
            answer.append(rules.checked_attributes(kind, defaults(kind.attributes) | dict(values or {})))
        except Invalid as error:
            refused[number] = error.message
            answer.append({})
    return answer


def _write(
    writer: Writer,
    shapes: NewShapes,
    checked: Checked,
    uuids: list[str],
    attributes: Sequence[Mapping[str, Any]] | None,
    revision: int,
) -> NDArray[np.int64]:
    """Store identities, states, attributes and counts; returns the numbers."""
    at = now()
    chosen = checked.index.tolist()
    target = bulk_insert.target(writer.session)
    image_id, author_id = writer.facts.image_id, writer.editor_id
    ids = target.identities(image_id, uuids, author_id, shapes.claimed_author, at)
    cells = summary_cells(checked.boxes)
    cells[np.isin(checked.shape, _LABELS)] = WHOLE_IMAGE_CELL
    type_ids = shapes.type_ids[checked.index]
    target.states(
        bulk_insert.Rows(
            image_id=image_id,
            valid_from=revision,
            author_id=author_id,
            frame=shapes.frame,
            at=at,
            tile_key=tile_keys(checked.boxes),
            annotation_id=ids,
            type_id=type_ids,
            shape=checked.shape,
            boxes=checked.boxes,
            geometry=checked.packed,
            text=[shapes.texts[number] for number in chosen] if shapes.texts else None,
        )
    )
    if attributes:
        _write_attributes(writer, [attributes[number] for number in chosen], ids, revision)
    types, index = np.unique(type_ids, return_inverse=True)
    # As the kept counts are sorted: by type, then by cell.
    pairs, counts = np.unique(index.astype(np.int64) << _CELL_BITS | cells, return_counts=True)
    target.counts(
        bulk_insert.Counts(
            image_id, author_id or 0, shapes.frame, types[pairs >> _CELL_BITS], pairs & (1 << _CELL_BITS) - 1, counts
        )
    )
    return ids


def _write_attributes(
    writer: Writer, attributes: Sequence[Mapping[str, Any]], ids: NDArray[np.int64], revision: int
) -> None:
    rows = [
        {"annotation_id": id_, "valid_from": revision, "valid_to": LIVE, "attributes": values}
        for id_, values in zip(ids.tolist(), attributes, strict=True)
        if values
    ]
    if rows:
        writer.session.execute(insert(DETAILS), rows)


def _tell_hooks(
    writer: Writer, shapes: NewShapes, checked: Checked, uuids: list[str], ids: NDArray[np.int64], revision: int
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


def new_uuids(count: int) -> list[str]:
    """Time-ordered names (version 7) that lie side by side in an index, which makes adding them fast."""
    stamp = f"{time.time_ns() // 1_000_000:012x}"
    noise = secrets.token_hex(7)
    prefix = f"{stamp[:8]}-{stamp[8:]}-7{noise[:3]}-{8 + int(noise[3], 16) % 4:x}{noise[4:7]}-{noise[7:11]}"
    lower = [f"{number:03x}" for number in range(min(count, 0x1000))]
    blocks = (f"{prefix}{block:05x}" for block in range(-(-count // 0x1000)))
    return [block + end for block in blocks for end in lower][:count]
