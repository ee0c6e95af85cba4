"""What happens to the values of annotations when the attributes of their type change: told first, then done."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from exact_core.annotations.access import rights_in
from exact_core.annotations.scope import ROWS
from exact_core.annotations.set_events import Listening
from exact_core.annotations.set_writing import KEY, RowKeys, SetChange, SetWriter
from exact_core.annotations.states import DETAILS
from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, Forbidden, NotFound
from exact_core.auth.rights import Right, Rights
from exact_core.products import attributes
from exact_core.storage.models import LIVE, AnnotationType, Image, ImageSet

Definitions = Sequence[Mapping[str, Any]]
_BATCH = 5_000


@dataclass(frozen=True, slots=True)
class Effects:
    """What a change of definitions does to live annotations."""

    annotations: int
    items: list[dict[str, Any]]
    image_sets: frozenset[int]  # where values would be dropped

    @property
    def dropped(self) -> int:
        """Values that the new definitions do not allow."""
        return sum(item["dropped"] for item in self.items)

    def to_json(self) -> dict[str, Any]:
        """The form that the API answers."""
        return {"annotations": self.annotations, "dropped": self.dropped, "items": self.items}


def effects(session: Session, kind: AnnotationType, definitions: Definitions, sets: Sequence[int]) -> Effects:
    """Count what would be kept and dropped in these image sets."""
    before = {each["name"]: each for each in kind.attributes}
    after = {each["name"]: each for each in definitions}
    values: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    missing: Counter[str] = Counter()
    affected: set[int] = set()
    count = 0
    for image_set_id, _, has in live_values(session, kind.id, sets):
        count += 1
        fits = attributes.kept(definitions, has, kind.name)
        values.update(has.keys())
        lost = [name for name, value in has.items() if fits.get(name) != value]
        dropped.update(lost)
        missing.update(attributes.missing(definitions, fits))
        if lost:
            affected.add(image_set_id)
    items = []
    for name in dict.fromkeys([*before, *after]):
        change = "added" if name not in before else "removed" if name not in after else "changed"
        if change == "changed" and _meaning(before[name]) == _meaning(after[name]):
            change = "same"
        has_now, lost_now = values[name], dropped[name]
        item = {"name": name, "change": change, "values": has_now, "kept": has_now - lost_now, "dropped": lost_now}
        items.append({**item, "missing": missing[name]})
    return Effects(count, items, frozenset(affected))


def apply(
    session: Session, actor: Actor, kind: AnnotationType, definitions: Definitions, *, drop: bool, listening: Listening
) -> None:
    """Take values away that the new definitions do not allow: one change per image set.

    Raises:
        Conflict: When values would be dropped and nobody said that they may, or when they are out of reach.
    """
    every = sets_with(session, kind.id)
    found = effects(session, kind, definitions, every)
    if not found.dropped:
        return
    rights = Rights(session)
    if any(not rights.decide(actor, Right.MANAGE, each).allowed for each in found.image_sets):
        raise Conflict(
            f"Annotations of {kind.name} in image sets that you do not manage have values that this does not allow; "
            "ask somebody who manages them, or add a new attribute instead."
        )
    if not drop:
        lost = ", ".join(f"{item['dropped']:,} of {item['name']!r}" for item in found.items if item["dropped"])
        raise Conflict(
            f"Values that annotations have would be lost: {lost}. Say drop_values to change it all the same."
        )
    for image_set_id in sorted(found.image_sets):
        _drop_in(session, actor, image_set_id, kind, definitions, listening)


def visible_sets(session: Session, actor: Actor, type_id: int) -> list[int]:
    """Image sets with annotations of a type, as far as the actor sees everybody's there."""
    rights = Rights(session)
    return [each for each in sets_with(session, type_id) if rights.decide(actor, Right.SEE_ALL, each).allowed]


def sets_with(session: Session, type_id: int) -> list[int]:
    """Image sets with live annotations of a type; what lies in the bin is left as it is."""
    row = ROWS.c
    found = (
        select(Image.image_set_id)
        .join(ImageSet, ImageSet.id == Image.image_set_id)
        .join(ROWS, row.image_id == Image.id)
        .where(row.type_id == type_id, row.valid_to == LIVE, ImageSet.deleted_at.is_(None))
        .distinct()
    )
    return sorted(session.scalars(found))


def live_values(
    session: Session, type_id: int, sets: Sequence[int]
) -> Iterator[tuple[int, tuple[int, int, int, int], dict[str, Any]]]:
    """Image set, key of the row, and attributes of each live annotation of a type."""
    row = ROWS.c
    detail = and_(DETAILS.c.annotation_id == row.annotation_id, DETAILS.c.valid_to == LIVE)
    statement = (
        select(Image.image_set_id, *(row[name] for name in KEY), DETAILS.c.attributes)
        .select_from(ROWS.join(Image, Image.id == row.image_id).outerjoin(DETAILS, detail))
        .where(row.type_id == type_id, row.valid_to == LIVE, Image.image_set_id.in_(sets))
        .order_by(row.image_id, row.tile_key, row.annotation_id)
    )
    for image_set_id, a, b, c, d, has in session.execute(statement, execution_options={"yield_per": _BATCH}):
        yield image_set_id, (a, b, c, d), has or {}


def _drop_in(
    session: Session, actor: Actor, image_set_id: int, kind: AnnotationType, definitions: Definitions,
    listening: Listening,
) -> None:  # fmt: skip
    keys: list[tuple[int, int, int, int]] = []
    changed: dict[int, dict[str, Any]] = {}
    lost: dict[str, int] = defaultdict(int)
    for _, key, has in live_values(session, kind.id, [image_set_id]):
        fits = attributes.kept(definitions, has, kind.name)
        if fits != has:
            keys.append(key)
            changed[key[2]] = fits
            for name in has.keys() - fits.keys():
                lost[name] += 1
    try:
        writer = SetWriter(session, actor, image_set_id, rights_in(session), listening)
    except (Forbidden, NotFound) as error:
        raise Conflict(error.message) from None
    names = ", ".join(sorted(lost))
    reason = f"{kind.name}: values of {names} do not fit its attributes any more"
    writer.apply(SetChange(RowKeys.of(keys), attributes=changed), "merge", reason)


def _meaning(definition: Mapping[str, Any]) -> dict[str, Any]:
    """A definition without what only people read."""
    silent = ("title", "description", "default", "required")
    return {name: value for name, value in definition.items() if name not in silent and value not in (None, [], "")}
