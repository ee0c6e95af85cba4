"""Items on which readers did not agree, for adjudicators: which there are, and what each reader did."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session

from exact_core.annotations.geometry import Geometry
from exact_core.annotations.loading import load as load_shapes
from exact_core.annotations.packing import unpack
from exact_core.annotations.scope import Can, ImageFacts, image_facts
from exact_core.api.context import Actor
from exact_core.api.errors import Forbidden, NotFound
from exact_core.auth.rights import Right, Rights
from exact_core.review import closing
from exact_core.review.closing import OpenItem
from exact_core.review.items import ACTIVE, ASSIGNMENTS, ITEMS
from exact_core.review.matching import Group
from exact_core.review.settings import ModeSettings
from exact_core.storage.models import Adjudication, AnnotationType, Image, ReviewItem, User

MAX_GROUPS = 2_000


class Adjudicating:
    """Looks at and decides items of one image set, for somebody who may."""

    def __init__(self, session: Session, actor: Actor, image_set_id: int, can: Can) -> None:
        rights = Rights(session)
        rights.require(actor, Right.VIEW, image_set_id)
        if not can(actor, Right.ADJUDICATE, image_set_id):
            raise Forbidden("Only adjudicators and managers of this image set see items that need a decision.")
        self._session = session
        self._actor = actor
        self._id = image_set_id
        self._can = can

    def page(self, state: str, after: int, limit: int) -> list[tuple[ReviewItem, Image]]:
        """Items in a state, the oldest first; those that the actor has read are for somebody else to decide."""
        query = (
            select(ReviewItem, Image)
            .join(Image, Image.id == ReviewItem.image_id)
            .where(
                ReviewItem.image_set_id == self._id, ReviewItem.state == state, ReviewItem.id > after,
                Image.deleted_at.is_(None), ~_read_by(self._actor.user_id),
            )
            .order_by(ReviewItem.id)
            .limit(limit)
        )  # fmt: skip
        return [(item, image) for item, image in self._session.execute(query)]

    def item(self, item_id: int) -> tuple[OpenItem, ImageFacts, ModeSettings]:
        """An item that needs or had a decision; ``NotFound`` where the actor read it, or its readers are not done."""
        row = ITEMS.c
        image_id = self._session.scalar(select(row.image_id).where(row.id == item_id, row.image_set_id == self._id))
        found = closing.load(self._session, [item_id]) if image_id is not None else []
        if not found or image_id is None or found[0].state not in ("disagreed", "decided"):
            raise NotFound(f"There is no item {item_id} that needs a decision of yours.")
        if self._actor.user_id in found[0].readers:
            raise NotFound(f"There is no item {item_id} that needs a decision of yours.")
        facts = image_facts(self._session, image_id)
        return found[0], facts, ModeSettings.stored(facts.mode_settings)

    def detail(self, item_id: int) -> dict[str, Any]:
        """What each reader of an item did, side by side; who is who only where the settings show it."""
        item, facts, settings = self.item(item_id)
        letters = letters_of(item)
        second = settings.second_opinion
        names = self._names(item) if second.show_names else {}
        answer: dict[str, Any] = {
            "id": item.id,
            "image_id": facts.image_id,
            "kind": item.kind,
            "state": item.state,
            "region": _region_json(item),
            "readers": [
                {"letter": letter, "name": names.get(reader)} for reader, letter in sorted(letters.items(), key=_letter)
            ],
            "rule": second.rule.model_dump(mode="json"),
            "decision": self._last_decision(item, letters),
        }
        if item.annotation_id is not None:
            return answer | self._opinions(item, facts, letters)
        found = closing.compared(self._session, facts, item, second.rule)
        apart = {id(group) for group in found.disagreements}
        shown = [*found.disagreements, *(group for group in found.groups if id(group) not in apart)]
        return answer | {
            "groups": [_group_json(each, letters, agrees=id(each) not in apart) for each in shown[:MAX_GROUPS]],
            "group_count": len(found.groups),
            "disagreement_count": len(found.disagreements),
            "measure": found.details["unit"],
            "agrees_by_rule": found.agrees,
        }

    def _names(self, item: OpenItem) -> dict[int, str]:
        people = self._session.scalars(select(User).where(User.id.in_(item.readers)))
        return {user.id: user.display_name or user.name for user in people}

    def _last_decision(self, item: OpenItem, letters: Mapping[int, str]) -> dict[str, Any] | None:
        row = self._session.scalar(
            select(Adjudication).where(Adjudication.item_id == item.id).order_by(Adjudication.id.desc()).limit(1)
        )
        if row is None:
            return None
        who = self._session.get(User, row.decided_by_id) if row.decided_by_id else None
        return {
            "decision": row.decision,
            "reader": letters.get(row.kept_reader_id or 0),
            "reason": row.reason,
            "by": {"id": who.id, "name": who.display_name or who.name} if who else None,
            "at": row.at.isoformat().replace("+00:00", "Z"),
        }

    def _opinions(self, item: OpenItem, facts: ImageFacts, letters: Mapping[int, str]) -> dict[str, Any]:
        assert item.annotation_id is not None
        known = load_shapes(self._session, facts.image_id, ids=[item.annotation_id])[0]
        opinions = closing.opinions_of(self._session, [item.annotation_id])
        types = {each.type_id for each in opinions.values() if each.type_id}
        named = select(AnnotationType.id, AnnotationType.name).where(AnnotationType.id.in_(types))
        names: dict[int, str] = dict(self._session.execute(named).all())
        shape = known.to_json() | {"author": None, "claimed_author": ""}
        return {
            "annotation": shape,
            "opinions": [
                {
                    "letter": letter,
                    "verdict": said.verdict if said else None,
                    "type_id": said.type_id if said else None,
                    "type_name": names.get(said.type_id or 0) if said else None,
                    "reason": said.reason if said else "",
                }
                for reader, letter in sorted(letters.items(), key=_letter)
                for said in [opinions.get((item.annotation_id, reader))]
            ],
        }


def _read_by(reader_id: int) -> ColumnElement[bool]:
    row = ASSIGNMENTS.c
    return exists().where(
        row.item_id == ReviewItem.id, row.reader_id == reader_id, row.role == "reader", row.state.in_(ACTIVE)
    )


def letters_of(item: OpenItem) -> dict[int, str]:
    """Reader A, reader B, …: another order for every item, so that no letter stands for a person."""

    def drawn(reader: int) -> bytes:
        return hashlib.sha256(f"{item.id} {reader}".encode()).digest()

    return {reader: _name(number) for number, reader in enumerate(sorted(item.readers, key=drawn))}


def _name(number: int) -> str:
    return chr(ord("A") + number) if number < 26 else f"R{number + 1}"


def _letter(entry: tuple[int, str]) -> tuple[int, str]:
    return len(entry[1]), entry[1]


def _region_json(item: OpenItem) -> dict[str, int] | None:
    place = item.region
    if place is None:
        return None
    return {name: getattr(place, name) for name in ("x0", "y0", "x1", "y1", "z", "t", "c")}


def _group_json(group: Group, letters: Mapping[int, str], *, agrees: bool) -> dict[str, Any]:
    shapes = {}
    for reader, shape in group.shapes.items():
        geometry: Geometry = unpack(shape.packed)
        frame = shape.frame
        shapes[letters[reader]] = {
            "id": shape.id,
            "type_id": shape.type_id,
            "geometry": geometry.to_json(),
            "frame": {"z": frame.z, "t": frame.t, "c": frame.c},
        }
    return {"agrees": agrees, "measures": [round(each, 3) for each in group.measures], "shapes": shapes}
