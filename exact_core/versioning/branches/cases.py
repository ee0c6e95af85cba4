"""The annotations that a merge is about: found by ranges of indexes, read in both sets, decided one by one.

Annotations are the same when they lie on an image and on the one that it was made from, and have the same uuid. Only
those are read that changed, in the set that the changes come from, since both held the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, func, select, union
from sqlalchemy.orm import Session, aliased

from exact_core.annotations.loading import select_known
from exact_core.annotations.rules import TypeRules, checked_attributes
from exact_core.annotations.scope import CLOSED, ROWS
from exact_core.annotations.states import IDENTITIES, Known, State
from exact_core.api.errors import Invalid
from exact_core.storage.models import Branch, BranchImage, Image
from exact_core.versioning.branches.bases import Base, Direction, bases_of
from exact_core.versioning.branches.three_way import WHOLE, Content, Take, merge

_CHUNK = 500
_ATTRIBUTE = "attribute:"
TYPE_GONE = "The image set that it goes to has no such annotation type; add its product there first."


@dataclass(frozen=True, slots=True)
class Sides:
    """Two sets whose annotations are compared: ``theirs``, where changes come from, and ``ours``, where they go.

    Attributes:
        branch: The branch; it is one of the two.
        direction: Which way the merge goes.
        base: What they have in common.
        only: The images of the branch that this is about; None for all.
        but: Images of the branch that this is not about.
    """

    branch: Branch
    direction: Direction
    base: Base
    only: frozenset[int] | None = None
    but: frozenset[int] = frozenset()

    @classmethod
    def of(cls, session: Session, branch: Branch, direction: Direction) -> list[Sides]:
        """The sides as far as their images have one base, the bulk first: an image that was left out has its own."""
        base, own = bases_of(session, branch)
        few: dict[Base, set[int]] = defaultdict(set)
        for image_id, each in own.items():
            few[each].add(image_id)
        parts = [cls(branch, direction, each, frozenset(images)) for each, images in few.items()]
        return [cls(branch, direction, base, but=frozenset(own)), *parts]

    @property
    def our_set(self) -> int:
        """The image set that is written."""
        return self.branch.source_set_id if self.direction.reads_branch else self.branch.image_set_id

    @property
    def their_set(self) -> int:
        """The image set that is read."""
        return self.branch.image_set_id if self.direction.reads_branch else self.branch.source_set_id

    @property
    def base_is_theirs(self) -> bool:
        """Whether the common state is kept in the set that is read."""
        return self.base.is_in_branch == self.direction.reads_branch

    @property
    def their_image(self) -> Any:
        """The column of pairs of images that names the image which is read."""
        return BranchImage.image_id if self.direction.reads_branch else BranchImage.source_image_id

    @property
    def our_image(self) -> Any:
        """The column of pairs of images that names the image which is written."""
        return BranchImage.source_image_id if self.direction.reads_branch else BranchImage.image_id

    def images(self, *, there: bool = True) -> Select[Any]:
        """The images that are read, where both of a pair are there; or those of which one is in the bin or gone."""
        own, other = aliased(Image), aliased(Image)
        are_there = own.deleted_at.is_(None) & other.deleted_at.is_(None)
        meant = [own.image_set_id == self.branch.image_set_id, are_there if there else ~are_there]
        if self.only is not None:
            meant.append(own.id.in_(self.only))
        if self.but:
            meant.append(own.id.not_in(self.but))
        return (
            select(self.their_image)
            .join(own, own.id == BranchImage.image_id)
            .join(other, other.id == BranchImage.source_image_id)
            .where(*meant)
        )


@dataclass(frozen=True, slots=True)
class Case:
    """One annotation to decide about.

    Attributes:
        theirs: As it is where changes come from; always there, if only as a deleted one.
        ours: As it is where they go; None where it never was.
        image_id: The image of ours.
        base: As it was when both sides held the same; None when it was not there.
    """

    theirs: Known
    ours: Known | None
    image_id: int
    base: State | None

    @property
    def our_state(self) -> State | None:
        """The state that is there now."""
        return self.ours.state if self.ours else None


@dataclass(frozen=True, slots=True)
class Decision:
    """What a merge makes of an annotation.

    Attributes:
        case: The annotation on both sides.
        state: What it shall be; with the winner's side where there are conflicts.
        conflicts: The fields that both changed differently.
        why: Why it cannot be merged as it is, where that is no matter of both sides' changes.
        may_take_theirs: Whether their side can be taken.
    """

    case: Case
    state: State | None
    conflicts: tuple[str, ...] = ()
    why: str = ""
    may_take_theirs: bool = True

    @property
    def changes(self) -> bool:
        """Whether ours gets another state."""
        return content_of(self.state) != content_of(self.case.our_state)

    @property
    def is_news(self) -> bool:
        """Whether theirs is not as it was."""
        return content_of(self.case.theirs.state) != content_of(self.case.base)

    @property
    def way(self) -> str:
        """How ours changes: ``added``, ``deleted`` or ``changed``."""
        if self.case.our_state is None:
            return "added"
        return "deleted" if self.state is None else "changed"


def touched(session: Session, sides: Sides) -> list[int]:
    """The numbers of the annotations that something happened to, in the set that is read, since the base."""
    found = _touched(sides, there=True)
    return list(session.scalars(select(found.c.id).order_by(found.c.id)))


def left_out(session: Session, sides: Sides) -> dict[int, int]:
    """How many such annotations lie on images of which one is in the bin, by the number of the branch's image."""
    found = _touched(sides, there=False)
    counted = (
        select(BranchImage.image_id, func.count())
        .join(found, found.c.image_id == sides.their_image)
        .join(Image, Image.id == BranchImage.image_id)
        .where(Image.image_set_id == sides.branch.image_set_id)
        .group_by(BranchImage.image_id)
    )
    return dict(session.execute(counted).all())


def _touched(sides: Sides, *, there: bool) -> Subquery:
    row, since = ROWS.c, sides.base.since(sides.direction)
    images = row.image_id.in_(sides.images(there=there))
    edges: tuple[tuple[ColumnElement[bool], ...], ...] = (
        (row.valid_from > since,),
        (row.valid_to > since, row.valid_to < CLOSED),
    )
    return union(
        *(select(row.annotation_id.label("id"), row.image_id).where(images, *edge) for edge in edges)
    ).subquery()


def cases(session: Session, sides: Sides, ids: Sequence[int]) -> Iterator[Case]:
    """Annotations of the set that is read, with what they are and were on the other side; some hundreds at a time.

    In the order of their numbers.
    """
    for start in range(0, len(ids), _CHUNK):
        yield from _cases(session, sides, ids[start : start + _CHUNK])


def _cases(session: Session, sides: Sides, ids: Sequence[int]) -> Iterator[Case]:
    images, partners = _partners(session, sides, ids)
    at = sides.base.revision
    ours = _known(session, list(partners.values()))
    theirs = _known(session, ids)
    based = _known(session, ids if sides.base_is_theirs else list(partners.values()), at)
    for id_ in sorted(theirs):
        partner = partners.get(id_)
        holder = id_ if sides.base_is_theirs else partner
        before = None if holder is None else based.get(holder)
        own = None if partner is None else ours.get(partner)
        yield Case(theirs[id_], own, images[theirs[id_].image_id], before.state if before else None)


def _partners(session: Session, sides: Sides, ids: Sequence[int]) -> tuple[dict[int, int], dict[int, int]]:
    """The images that are written by those that are read, and the annotations there by those that are read."""
    their, our = IDENTITIES.alias("their"), IDENTITIES.alias("our")
    statement = (
        select(their.c.image_id, sides.our_image, their.c.id, our.c.id)
        .select_from(their)
        .join(BranchImage, sides.their_image == their.c.image_id)
        .join(Image, (Image.id == BranchImage.image_id) & (Image.image_set_id == sides.branch.image_set_id))
        .outerjoin(our, (our.c.image_id == sides.our_image) & (our.c.uuid == their.c.uuid))
        .where(their.c.id.in_(ids))
    )
    images: dict[int, int] = {}
    partners: dict[int, int] = {}
    for their_image, our_image, their_id, our_id in session.execute(statement):
        images[their_image] = our_image
        if our_id is not None:
            partners[their_id] = our_id
    return images, partners


def _known(session: Session, ids: Sequence[int], at: int | None = None) -> dict[int, Known]:
    if not ids:
        return {}
    chosen = [IDENTITIES.c.id.in_(ids)]
    return {known.id: known for known in select_known(session, chosen, only_live=at is not None, at=at)}


def decide(case: Case, types: TypeRules, take: Take | str = Take.OURS) -> Decision:
    """What a merge makes of an annotation, with one side as the winner of conflicts.

    Args:
        case: The annotation.
        types: The types of the set that is written.
        take: The winner.
    """
    theirs, ours = case.theirs.state, case.our_state
    merged = merge(content_of(case.base), content_of(ours), content_of(theirs), take)
    state = state_of(merged.content, theirs, ours)
    if state is None or state == ours:
        return Decision(case, state, merged.conflicts, may_take_theirs=_is_known(theirs, types))
    if state.type_id not in types:
        return Decision(case, ours, merged.conflicts or ("type",), TYPE_GONE, may_take_theirs=False)
    why = "" if state == theirs else _misfit(state, types)
    if why:  # each side fits, but not what they make together: one of them is taken whole
        return Decision(case, theirs if take == Take.THEIRS else ours, (WHOLE,), why)
    return Decision(case, state, merged.conflicts, may_take_theirs=_is_known(theirs, types))


def content_of(state: State | None) -> Content | None:
    """The fields of a state that are taken or left as a whole: where it is, its type, its text, each attribute."""
    if state is None:
        return None
    fields = {"geometry": (state.shape, state.geometry, state.frame), "type": state.type_id, "text": state.text}
    return fields | {f"{_ATTRIBUTE}{name}": value for name, value in state.attributes.items()}


def state_of(content: Content | None, *sides: State | None) -> State | None:
    """The state of these fields; its box is that of the side that its place comes from."""
    if content is None:
        return None
    shape, geometry, frame = content["geometry"]
    boxes = [each.box for each in sides if each is not None and (each.shape, each.geometry) == (shape, geometry)]
    attributes = {
        name.removeprefix(_ATTRIBUTE): value for name, value in content.items() if name.startswith(_ATTRIBUTE)
    }
    return State(content["type"], shape, geometry, boxes[0], frame, content["text"], attributes)


def _is_known(state: State | None, types: TypeRules) -> bool:
    return state is None or state.type_id in types


def _misfit(state: State, types: TypeRules) -> str:
    """Why a state that was put together of both sides cannot be kept; empty when it can."""
    rule = types.require(state.type_id)
    try:
        rule.require_shape(state.shape)
        checked_attributes(rule, state.attributes)
    except Invalid as error:
        return f"What both changed does not fit together. {error.message}"
    return ""
