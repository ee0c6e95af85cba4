"""What two people who screened the same image see differently, from what the asking person may see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sqlalchemy.orm import Session

from exact_core.api import AnnotationReader, Conflict, ImageInfo, NotFound, PlacedShape, Region
from exact_screening import team
from exact_screening.matching import Mark, Match, match
from exact_screening.schemas import DisagreementOut, DisagreementsOut, PersonOut
from exact_screening.settings import ScreeningSettings

_SHOWN = 2000


def between(
    session: Session,
    reader: AnnotationReader,
    image: ImageInfo,
    settings: ScreeningSettings,
    first: int,
    second: int,
) -> DisagreementsOut:
    """Compare two people who have finished.

    Args:
        session: Where to read passes.
        reader: The asking person's own reader: it decides what is visible.
        image: The image.
        settings: How near the same object is, and which types count.
        first: One person.
        second: Another one.

    Raises:
        NotFound: One of them did not screen the image.
        Conflict: They are the same, or one has not finished.
    """
    if first == second:
        raise Conflict("Choose two different people.")
    people = {person.user_id: person for person in team.people_of(session, image)}
    one, other = _finished(people, first), _finished(people, second)
    shapes = [
        shape
        for shape in reader.shapes(Region.whole(image, z=-1, t=-1))
        if shape.author_id in (first, second) and settings.counts(shape.type.name)
    ]
    scale_x = image.mpp_x or 1.0
    scale_y = image.mpp_y or scale_x
    pairs = match(
        _marks(shapes, first, scale_x, scale_y), _marks(shapes, second, scale_x, scale_y), settings.match_distance
    )
    return _answer(pairs, {shape.annotation_id: shape for shape in shapes}, one, other, image, settings)


def _finished(people: dict[int, PersonOut], user_id: int) -> PersonOut:
    person = people.get(user_id)
    if person is None:
        raise NotFound("Somebody of the two has not screened this image.")
    if person.finished_at is None:
        raise Conflict(f"{person.name} has not finished yet; both must have before their work is compared.")
    return person


def _marks(shapes: Sequence[PlacedShape], author: int, scale_x: float, scale_y: float) -> list[Mark]:
    return [
        Mark(shape.annotation_id, x * scale_x, y * scale_y, shape.type.id)
        for shape in shapes
        if shape.author_id == author
        for x, y in [_centre(shape)]
    ]


def _centre(shape: PlacedShape) -> tuple[float, float]:
    x0, y0, x1, y1 = shape.box
    return (x0 + x1) / 2, (y0 + y1) / 2


def _answer(
    pairs: Sequence[Match],
    shapes: dict[int, PlacedShape],
    one: PersonOut,
    other: PersonOut,
    image: ImageInfo,
    settings: ScreeningSettings,
) -> DisagreementsOut:
    items = [_item(pair, shapes) for pair in pairs if not pair.agrees]
    kinds = [item.kind for item in items]
    return DisagreementsOut(
        first=one.name,
        second=other.name,
        farthest=settings.match_distance,
        unit="µm" if image.mpp_x else "px",
        agreed=len(pairs) - len(items),
        only_first=kinds.count("only_first"),
        only_second=kinds.count("only_second"),
        other_type=kinds.count("type"),
        items=items[:_SHOWN],
    )


def _item(pair: Match, shapes: dict[int, PlacedShape]) -> DisagreementOut:
    first = shapes[pair.first.id] if pair.first else None
    second = shapes[pair.second.id] if pair.second else None
    kind: Literal["only_first", "only_second", "type"]
    kind = "type" if first and second else "only_first" if first else "only_second"
    shown = first or second
    assert shown is not None
    x, y = _centre(shown)
    return DisagreementOut(
        kind=kind,
        x=round(x),
        y=round(y),
        first_id=first.annotation_id if first else None,
        second_id=second.annotation_id if second else None,
        first_type=first.type.name if first else None,
        second_type=second.type.name if second else None,
    )
