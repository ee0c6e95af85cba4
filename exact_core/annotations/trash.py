"""The trash: deleted annotations, who deleted them and when, and bringing them back.

Nothing is ever thrown away here: history and versions need every state. After some days (``EXACT_TRASH_DAYS``) the
trash does not offer an annotation any more, and it is set back by its history instead.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from exact_core.annotations.history import Log, as_text
from exact_core.annotations.packing import unpack
from exact_core.annotations.people import people
from exact_core.annotations.revert_plan import Plan, bring_back, is_last
from exact_core.annotations.revert_writing import write_plan
from exact_core.annotations.scope import ROWS, ended_at
from exact_core.annotations.states import IDENTITIES
from exact_core.annotations.writing import Writer
from exact_core.api.contributions import Shape
from exact_core.storage.cursor import read_cursor, write_cursor
from exact_core.storage.models import LIVE, Annotation, AnnotationType, ChangeSet, Image, now

MAX_PAGE = 200
MAX_RESTORED = 5_000  # named in one request
LIVES = "It is not deleted."
TOO_OLD = "It was deleted too long ago; set it back by its history instead."
UNKNOWN = "There is no such annotation that you may see."
_CHUNK = 1_000
_KEY = ("image_id", "tile_key", "annotation_id", "valid_from")


@dataclass(frozen=True, slots=True)
class TrashFilters:
    """Which deleted annotations a list shows."""

    type_ids: Sequence[int] = ()
    deleted_by: Sequence[int] = ()


def page(
    session: Session, log: Log, filters: TrashFilters, days: int, *, cursor: str | None, limit: int
) -> dict[str, Any]:
    """A page of deleted annotations that can be restored, the last deleted first."""
    row = ROWS.c
    conditions = [*_in_log(log), ChangeSet.at >= now() - timedelta(days=days), is_last()]
    if filters.type_ids:
        conditions.append(row.type_id.in_(filters.type_ids))
    if filters.deleted_by:
        conditions.append(ChangeSet.actor_id.in_(filters.deleted_by))
    if cursor is not None:
        revision, place, annotation_id = read_cursor(cursor, int, int, int)
        behind = or_(row.tile_key < place, and_(row.tile_key == place, row.annotation_id < annotation_id))
        conditions.append(ChangeSet.revision <= revision)
        conditions.append(or_(ChangeSet.revision < revision, behind))
    # First only which ones: whoever deletes a hundred thousand shapes at once gives as many rows to put in order.
    keys = (
        select(ChangeSet.revision, *(row[name] for name in _KEY))
        .select_from(ChangeSet)
        .join(Image, Image.id == ChangeSet.image_id)
        .join(ROWS, and_(row.image_id == ChangeSet.image_id, ended_at(ROWS, ChangeSet.revision)))
        .where(*conditions)
        .order_by(ChangeSet.revision.desc(), row.tile_key.desc(), row.annotation_id.desc())
        .limit(limit + 1)
        .subquery("keys")
    )
    in_set = ChangeSet.image_set_id == log.image_set_id
    statement = (
        select(
            ChangeSet, Image.name, IDENTITIES.c.uuid, IDENTITIES.c.claimed_author, AnnotationType.name,
            AnnotationType.color, row.annotation_id, row.type_id, row.author_id, row.shape, row.x0, row.y0, row.x1,
            row.y1, row.z, row.t, row.c, row.text, row.geometry, row.tile_key,
        )
        .select_from(keys)
        .join(ROWS, and_(*(row[name] == keys.c[name] for name in _KEY)))
        .join(ChangeSet, and_(in_set, ChangeSet.revision == keys.c.revision))
        .join(Image, Image.id == keys.c.image_id)
        .join(IDENTITIES, IDENTITIES.c.id == keys.c.annotation_id)
        .join(AnnotationType, AnnotationType.id == row.type_id)
        .order_by(keys.c.revision.desc(), keys.c.tile_key.desc(), keys.c.annotation_id.desc())
    )  # fmt: skip
    found = session.execute(statement).all()
    more, found = len(found) > limit, found[:limit]
    named = people(session, [*(each[0].actor_id for each in found), *(each.author_id for each in found)], log.only)
    items = []
    for change_set, image_name, uuid, claimed, type_name, color, *state in found:
        id_, type_id, author_id, shape, x0, y0, x1, y1, z, t, c, text, geometry, _ = state
        items.append(
            {
                "id": id_,
                "uuid": uuid,
                "image": {"id": change_set.image_id, "name": image_name},
                "type": {"id": type_id, "name": type_name, "color": color},
                "shape": Shape.from_number(shape).value,
                "box": [x0, y0, x1, y1],
                "frame": {"z": z, "t": t, "c": c},
                "geometry": unpack(bytes(geometry)).to_json(),
                "text": text,
                "author": named.json(author_id),
                "claimed_author": claimed,
                "deleted_at": as_text(change_set.at),
                "deleted_by": named.json(change_set.actor_id),
                "kind": change_set.kind,
                "revision": change_set.revision,
                "kept_until": as_text(change_set.at + timedelta(days=days)),
            }
        )
    last = found[-1] if more else None
    return {
        "items": items,
        "days": days,
        "next_cursor": write_cursor(last[0].revision, last.tile_key, last.annotation_id) if last is not None else None,
    }


def by_image(session: Session, log: Log, annotation_ids: Sequence[int]) -> dict[int, list[int]]:
    """The images of the log that carry these annotations; those of other images, and in the bin, are left out."""
    found: dict[int, list[int]] = defaultdict(list)
    here = Image.id == log.image_id if log.image_id is not None else Image.image_set_id == log.image_set_id
    for start in range(0, len(annotation_ids), _CHUNK):
        statement = (
            select(Annotation.id, Annotation.image_id)
            .join(Image, Image.id == Annotation.image_id)
            .where(Annotation.id.in_(annotation_ids[start : start + _CHUNK]), here, Image.deleted_at.is_(None))
            .order_by(Annotation.image_id, Annotation.id)
        )
        for id_, image_id in session.execute(statement):
            found[image_id].append(id_)
    return dict(found)


def plan_restore(writer: Writer, annotation_ids: Sequence[int], days: int) -> Plan:
    """How to bring deleted annotations of the writer's image back; others are skipped with the reason."""
    plan = Plan()
    oldest = now() - timedelta(days=days)
    for start in range(0, len(annotation_ids), _CHUNK):
        part = annotation_ids[start : start + _CHUNK]
        visible = _visible(writer, part)
        deleted = _deleted_at(writer, visible)
        recent = [id_ for id_, at in deleted.items() if at is None or at >= oldest]
        own = bring_back(writer, recent)
        plan.ids += own.ids
        plan.back_to += own.back_to
        plan.restored += own.restored
        plan.skipped += own.skipped
        for id_ in sorted(set(part) - set(recent)):
            reason = TOO_OLD if id_ in deleted else LIVES
            plan.skipped.append((id_, reason if id_ in visible else UNKNOWN))
    return plan


def restore(writer: Writer, plan: Plan, reason: str, run: str = "") -> int | None:
    """Bring annotations back as one revision; None when there is nothing to bring back."""
    return write_plan(writer, plan, "restore", reason, run=run) if plan.ids else None


def _in_log(log: Log) -> list[ColumnElement[bool]]:
    """Conditions for closed rows whose end the reader may know: of their own shapes, whoever deleted them."""
    found: list[ColumnElement[bool]] = []
    if log.image_id is not None:
        found.append(ChangeSet.image_id == log.image_id)
    else:
        found += [ChangeSet.image_set_id == log.image_set_id, Image.deleted_at.is_(None)]
    if log.only is not None:
        found.append(ROWS.c.author_id == log.only)
    return found


def _deleted_at(writer: Writer, ids: Sequence[int]) -> dict[int, datetime | None]:
    """When each of these annotations of the writer's image was deleted, those that are."""
    row = ROWS.c
    ends = (
        select(row.annotation_id, func.max(row.valid_to).label("end"))
        .where(row.annotation_id.in_(ids))
        .group_by(row.annotation_id)
        .having(func.max(row.valid_to) < LIVE)
        .subquery()
    )
    in_set = ChangeSet.image_set_id == writer.facts.image_set_id
    statement = select(ends.c.annotation_id, ChangeSet.at).outerjoin(
        ChangeSet, and_(in_set, ChangeSet.revision == ends.c.end)
    )
    return dict(writer.session.execute(statement).all())


def _visible(writer: Writer, ids: Sequence[int]) -> list[int]:
    """Those that are on the writer's image and may be seen."""
    chosen = (Annotation.image_id == writer.facts.image_id, Annotation.id.in_(ids))
    found = writer.session.execute(select(Annotation.id, Annotation.author_id).where(*chosen))
    return [id_ for id_, author_id in found if writer.knows_acts_on(author_id)]
