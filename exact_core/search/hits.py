"""Hits as the API answers them: what a list shows of each, read for one page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.annotations import number_tables
from exact_core.annotations.scope import ROWS
from exact_core.annotations.set_writing import KEY, RowKeys, may_edit_any
from exact_core.annotations.states import DETAILS
from exact_core.api.contributions import Shape
from exact_core.search.field import Asked
from exact_core.search.reading import HitRow, detail_of_row
from exact_core.search.running import Found, Search
from exact_core.storage.models import Annotation, AnnotationType, Image, User


def page_to_json(asked: Asked, search: Search, found: Found) -> dict[str, Any]:
    """A page of hits with the images that they lie on."""
    items = _items(asked, found.rows, is_present=search.is_present)
    image_ids = dict.fromkeys(row.image_id for row in found.rows)
    return {
        "items": items,
        "next_cursor": found.next_cursor,
        "is_partial": found.is_partial,
        "images": _images(asked.session, list(image_ids)),
        "notes": notes(asked),
    }


def facets_to_json(asked: Asked, counts: dict[tuple[int, int], int]) -> dict[str, Any]:
    """Numbers of hits per class, with those of the classes below it, and per author."""
    per_type: dict[int, int] = {}
    per_author: dict[int, int] = {}
    for (type_id, author_id), n in counts.items():
        per_type[type_id] = per_type.get(type_id, 0) + n
        per_author[author_id] = per_author.get(author_id, 0) + n
    session = asked.session
    rolled = asked.names.tree.rolled_up(per_type)
    kinds = select(AnnotationType.id, AnnotationType.name, AnnotationType.color).where(AnnotationType.id.in_(rolled))
    people = select(User.id, User.display_name, User.name).where(User.id.in_(per_author))
    names = {id_: shown or name for id_, shown, name in session.execute(people)}
    return {
        "total": sum(counts.values()),
        "types": [
            {
                "type_id": id_,
                "name": name,
                "color": color,
                "count": per_type.get(id_, 0),
                "with_descendants": rolled[id_],
            }
            for id_, name, color in sorted(session.execute(kinds), key=lambda row: (-rolled[row[0]], row[1]))
        ],
        "authors": [
            {"author": {"id": id_, "name": names.get(id_, "")} if id_ else None, "count": n}
            for id_, n in sorted(per_author.items(), key=lambda pair: -pair[1])
        ],
        "notes": notes(asked),
    }


def notes(asked: Asked) -> list[str]:
    """What people should know about an answer."""
    return [f"{len(ids)} {'image' if len(ids) == 1 else 'images'} {text}." for text, ids in asked.notes.items()]


def _items(asked: Asked, rows: Sequence[HitRow], *, is_present: bool) -> list[dict[str, Any]]:
    if not rows:
        return []
    row = ROWS.c
    keys = RowKeys.of(rows)
    dialect = asked.dialect
    chosen = number_tables.table(dialect, "chosen", {name: getattr(keys, name) for name in KEY})
    source = (
        number_tables.before(dialect, chosen, ROWS)
        .join(Annotation.__table__, Annotation.id == row.annotation_id)
        .outerjoin(DETAILS, detail_of_row())
        .outerjoin(User.__table__, User.id == row.author_id)
    )
    statement = (
        select(
            row.image_id, row.annotation_id, row.valid_from, Annotation.uuid, row.type_id, row.shape,
            row.x0, row.y0, row.x1, row.y1, row.z, row.t, row.c, row.text, DETAILS.c.attributes,
            row.author_id, User.display_name, User.name, Annotation.claimed_author, Annotation.created_at,
            row.edited_at,
        )
        .select_from(source)
        .where(*(row[name] == chosen.c[name] for name in KEY))
    )  # fmt: skip
    found: dict[tuple[int, int], dict[str, Any]] = {}
    known_author = {(each.annotation_id, each.valid_from): each.author_id for each in rows}
    edits_any = is_present and may_edit_any(asked.actor, asked.image_set_id, asked.can)
    may_annotate = is_present and asked.can(asked.actor, "annotate", asked.image_set_id)
    for each in asked.session.execute(statement).all():
        (image_id, id_, revision, uuid, type_id, shape, x0, y0, x1, y1, z, t, c, text, attributes, author_id, shown,
         name, claimed, created, edited) = tuple(each)  # fmt: skip
        if not known_author[id_, revision]:  # masked, or nobody
            claimed = "" if author_id is not None else claimed
            author_id = None
        own = author_id is not None and author_id == asked.actor.user_id
        found[id_, revision] = {
            "id": id_,
            "uuid": uuid,
            "image_id": image_id,
            "type_id": type_id,
            "shape": Shape.from_number(shape).value,
            "box": [x0, y0, x1, y1],
            "frame": {"z": z, "t": t, "c": c},
            "text": text,
            "attributes": attributes or {},
            "author": None if author_id is None else {"id": author_id, "name": shown or name or ""},
            "claimed_author": claimed,
            "created_at": created,
            "edited_at": edited,
            "revision": revision,
            "may_edit": may_annotate and (edits_any or own),
        }
    return [found[each.annotation_id, each.valid_from] for each in rows]


def _images(session: Session, image_ids: Sequence[int]) -> list[dict[str, Any]]:
    described = select(Image.id, Image.name, Image.mpp_x, Image.mpp_y).where(Image.id.in_(image_ids))
    by_id = {row.id: row for row in session.execute(described)}
    return [
        {"id": id_, "name": by_id[id_].name, "mpp_x": by_id[id_].mpp_x, "mpp_y": by_id[id_].mpp_y} for id_ in image_ids
    ]
