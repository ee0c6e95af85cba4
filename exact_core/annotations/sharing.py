"""What somebody sees beyond their own work in a second-opinion set: items that are revealed, given or to be decided.

Readers are blind to each other on an item until it is closed (or as the set's settings say); adjudicators see all
work on items that need a decision, or had one, unless they read the item themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import BigInteger, ColumnElement, Select, Table, and_, cast, literal_column, or_, select
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.contributions import Shape
from exact_core.review.settings import ModeSettings, Reveal
from exact_core.storage.models import EVERY_FRAME, Assignment, ReviewItem

CLOSED = ("complete", "agreed", "decided")
FOR_ADJUDICATORS = ("disagreed", "decided")
LABEL_NUMBERS = tuple(shape.number for shape in Shape if shape.is_label)
"""Shapes that lie nowhere: their bounding box is the image, whose centre may be in a region."""
Can: TypeAlias = Callable[[Actor, str, int], bool]
"""Whether an actor has a right in an image set: the access snapshot's, or one that asks the database."""


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A region of an image (both ends inclusive) and its frame; -1 stands for all of an axis."""

    x0: int
    y0: int
    x1: int
    y1: int
    z: int = EVERY_FRAME
    t: int = EVERY_FRAME
    c: int = EVERY_FRAME

    def holds(self, rows: Table) -> ColumnElement[bool]:
        """Rows with a bounding box and a frame whose centre lies in the region."""
        row = rows.c
        x, y = middle(row.x0, row.x1), middle(row.y0, row.y1)
        frame = [
            column.in_((value, EVERY_FRAME))
            for column, value in ((row.z, self.z), (row.t, self.t), (row.c, self.c))
            if value != EVERY_FRAME
        ]
        inside = (x.between(self.x0, self.x1), y.between(self.y0, self.y1))
        return and_(*inside, row.shape.not_in(LABEL_NUMBERS), *frame)

    def has(self, x: int, y: int, z: int, t: int, c: int) -> bool:
        """Whether a shape with this centre and frame belongs to the region."""
        frames = ((self.z, z), (self.t, t), (self.c, c))
        fits = all(EVERY_FRAME in (own, other) or own == other for own, other in frames)
        return fits and self.x0 <= x <= self.x1 and self.y0 <= y <= self.y1


@dataclass(frozen=True, slots=True)
class Shared:
    """What one actor sees of one image beyond their own work.

    Attributes:
        reader_id: The actor.
        whole: All of the image.
        regions: All work centred in these regions.
        given: The shapes that are assigned to the actor, to be judged.
        verdicts: Their items' verdicts too, where this reveal of the settings is reached.
        decides: The shapes that need, or had, a decision: the actor adjudicates.
        is_masked: Whose work it is stays hidden.
    """

    reader_id: int = 0
    whole: bool = False
    regions: tuple[Rectangle, ...] = ()
    given: bool = False
    verdicts: Reveal = "never"
    decides: bool = False
    is_masked: bool = False

    @property
    def has_parts(self) -> bool:
        """Whether some shapes of others are seen and some are not."""
        return bool(self.regions) or self.given or self.decides

    def conditions(self, rows: Table, image_id: int) -> list[ColumnElement[bool]]:
        """Any of these makes a row of ``annotation_revision`` visible."""
        found = [region.holds(rows) for region in self.regions]
        if self.given:
            found.append(rows.c.annotation_id.in_(self._given(image_id)))
        if self.decides:
            found.append(rows.c.annotation_id.in_(self._to_decide(image_id)))
        return found

    def verdict_conditions(self, annotation_id: ColumnElement[int], image_id: int) -> list[ColumnElement[bool]]:
        """Any of these makes somebody else's verdict about the annotation visible."""
        found: list[ColumnElement[bool]] = []
        if self.given and self.verdicts != "never":
            own = self._given(image_id).join(ReviewItem, ReviewItem.id == Assignment.item_id)
            reached = ReviewItem.state.in_(CLOSED) if self.verdicts == "item_done" else Assignment.state == "done"
            found.append(annotation_id.in_(own.where(reached)))
        if self.decides:
            found.append(annotation_id.in_(self._to_decide(image_id)))
        return found

    def _given(self, image_id: int) -> Select[Any]:
        return select(Assignment.annotation_id).where(
            Assignment.image_id == image_id,
            Assignment.reader_id == self.reader_id,
            Assignment.state != "withdrawn",
            Assignment.annotation_id.is_not(None),
        )

    def _to_decide(self, image_id: int) -> Select[Any]:
        own = select(Assignment.item_id).where(
            Assignment.image_id == image_id,
            Assignment.reader_id == self.reader_id,
            Assignment.role == "reader",
            Assignment.state != "withdrawn",
        )
        return select(ReviewItem.annotation_id).where(
            ReviewItem.image_id == image_id,
            ReviewItem.state.in_(FOR_ADJUDICATORS),
            ReviewItem.annotation_id.is_not(None),
            ReviewItem.id.not_in(own),
        )


NOTHING = Shared()
"""Own work only."""


def shared_with(
    session: Session, mode_settings: Mapping[str, Any], reader_id: int, image_id: int, decides: bool
) -> Shared:
    """What somebody sees of others' work on one image of a blind second-opinion set; one small query."""
    settings = ModeSettings.stored(mode_settings).second_opinion
    item, mine = ReviewItem, Assignment
    own = and_(mine.item_id == item.id, mine.reader_id == reader_id, mine.state != "withdrawn")
    statement = (
        select(item.kind, item.state, mine.state, item.x0, item.y0, item.x1, item.y1, item.z, item.t, item.c)
        .outerjoin(mine, own)
        .where(item.image_id == image_id, item.kind.in_(("image", "region")))
    )
    whole, regions = False, []
    for kind, state, own_state, *place in session.execute(statement):
        if own_state is not None:
            is_seen = is_revealed(settings.reveal, state, own_state)
        else:
            is_seen = decides and state in FOR_ADJUDICATORS
        if is_seen and kind == "image":
            whole = True
        elif is_seen:
            regions.append(Rectangle(*place))
    by_shape = settings.items == "annotation"
    return Shared(
        reader_id, whole, tuple(regions), by_shape, settings.reveal, by_shape and decides, not settings.show_names
    )


def is_revealed(reveal: Reveal, item_state: str, own_state: str) -> bool:
    """Whether one of an item's readers sees what the others did."""
    if reveal == "own_done":
        return own_state == "done"
    return reveal == "item_done" and item_state in CLOSED


def revealed_images(
    settings: ModeSettings, reader_id: int, decides: bool, image_id: ColumnElement[int]
) -> ColumnElement[bool]:
    """Images of which somebody sees all work, for lists: the same rule as one condition."""
    item, mine = ReviewItem, Assignment
    reveal = settings.second_opinion.reveal
    own = select(mine.item_id).where(mine.reader_id == reader_id, mine.state != "withdrawn", mine.image_id == image_id)
    ways: list[ColumnElement[bool]] = []
    if reveal == "item_done":
        ways.append(and_(item.state.in_(CLOSED), item.id.in_(own)))
    elif reveal == "own_done":
        ways.append(item.id.in_(own.where(mine.state == "done")))
    if decides:
        ways.append(and_(item.state.in_(FOR_ADJUDICATORS), item.id.not_in(own)))
    if not ways:
        return literal_column("1") == 0
    return select(item.id).where(item.image_id == image_id, item.kind == "image", or_(*ways)).exists()


def middle(low: ColumnElement[int], high: ColumnElement[int]) -> ColumnElement[int]:
    """The centre between two edges, as :attr:`Box.center` has it."""
    return (cast(low, BigInteger) + high).bitwise_rshift(literal_column("1"))
