"""Running a query over the images of a set, in the order of images and of storage: pages, all hits, counts.

Each image is read in its own scope, so that blind rules are those of every other reader of annotations. The kept
counts say first on which images there can be a hit at all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.annotations.scope import COUNTS, ReadScope, read_scope, read_scopes
from exact_core.api.errors import NotFound
from exact_core.search.conditions import Always, count_bounds
from exact_core.search.field import Asked, SearchedImage, Use
from exact_core.search.parser import parse
from exact_core.search.reading import HitRow, Reading
from exact_core.search.registry import compiled, directed
from exact_core.search.time_limit import Clock, SearchTooLong, bounded
from exact_core.storage.cursor import read_cursor, write_cursor
from exact_core.storage.models import Image, ImageTag, Tag

_CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class Found:
    """A page of hits.

    Attributes:
        rows: The hits.
        next_cursor: Where the next page begins; None on the last.
        is_partial: Whether the time was over before the page was full.
    """

    rows: list[HitRow]
    next_cursor: str | None
    is_partial: bool = False


@dataclass(frozen=True, slots=True)
class Counted:
    """Numbers of hits.

    Attributes:
        hits: Per type and author (0 for none).
        is_partial: Whether the time was over before all were counted: there are at least so many.
    """

    hits: dict[tuple[int, int], int]
    is_partial: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page ended: the image, and the last row that was looked at there."""

    position: int
    image_id: int
    tile_key: int
    annotation_id: int

    def write(self) -> str:
        return write_cursor(self.position, self.image_id, self.tile_key, self.annotation_id)

    def is_at_or_before(self, image: SearchedImage) -> bool:
        return (self.position, self.image_id) <= (image.position, image.id)

    def inside(self, image: SearchedImage) -> tuple[int, int] | None:
        """The last row that was looked at of this image; None to begin at its start."""
        same = self.image_id == image.id and self.annotation_id >= 0
        return (self.tile_key, self.annotation_id) if same else None

    @classmethod
    def read(cls, cursor: str) -> _Place:
        return cls(*read_cursor(cursor, int, int, int, int))  # type: ignore[arg-type]


class Search:
    """One query of one actor over an image set, or one image of it."""

    def __init__(self, asked: Asked, query: str, image_id: int | None = None, clock: Clock | None = None) -> None:
        self.asked = asked
        self.clock = clock or Clock()
        self.query = directed(parse(query), asked)
        self._whole = compiled(self.query.node, Use(asked, None))
        self._image_id = image_id

    @property
    def is_present(self) -> bool:
        """Whether it is about live annotations."""
        return self.query.is_present

    def images(self) -> list[SearchedImage]:
        """The images that can have hits, in the order of the set."""
        asked = self.asked
        session, actor, can = asked.session, asked.actor, asked.can
        if self._image_id is None:
            scopes = read_scopes(session, actor, asked.image_set_id, can)
        else:
            scopes = [read_scope(session, actor, self._image_id, can)]
            if scopes[0].image.image_set_id != asked.image_set_id:
                raise NotFound(f"There is no image {self._image_id} in image set {asked.image_set_id}.")
        candidates = self._with_candidates()
        if candidates is not None:
            scopes = [scope for scope in scopes if scope.image.image_id in candidates]
        return _described(session, [self.query.scope(scope) for scope in scopes])

    def page(self, cursor: str | None, limit: int) -> Found:
        """The hits after a cursor, until there are enough or the time is over."""
        after = _Place.read(cursor) if cursor else None
        rows: list[HitRow] = []
        positions: dict[int, int] = {}
        for number, image in enumerate(each for each in self.images() if after is None or after.is_at_or_before(each)):
            positions[image.id] = image.position
            inside = after.inside(image) if after else None
            beginning = _Place(image.position, image.id, *(inside or (-1, -1)))
            if number and self.clock.is_over:
                return Found(rows, beginning.write(), is_partial=True)
            try:
                reading = Reading(self.asked, self.query, image, self.clock, inside)
                found = list(reading.rows(limit + 1 - len(rows)))
            except SearchTooLong:
                if not number:
                    raise
                return Found(rows, beginning.write(), is_partial=True)
            rows += found
            if len(rows) > limit:
                last = rows[limit - 1]
                place = _Place(positions[last.image_id], last.image_id, last.tile_key, last.annotation_id)
                return Found(rows[:limit], place.write())
            if reading.stopped_at is not None:
                return Found(rows, _Place(image.position, image.id, *reading.stopped_at).write(), is_partial=True)
        return Found(rows, None)

    def rows(self, most: int) -> Iterator[HitRow]:
        """All hits in constant memory, one more than ``most`` at the most.

        Raises:
            SearchTooLong: When the time was over before the end.
        """
        left = most + 1
        for image in self.images():
            reading = Reading(self.asked, self.query, image, self.clock)
            for row in reading.rows(left):
                left -= 1
                yield row
            if reading.stopped_at is not None:
                raise self.clock.too_long()
            if left <= 0:
                return

    def images_with_hits(self) -> list[int]:
        """The images that have a hit, in the order of the set.

        Raises:
            SearchTooLong: When the time was over before the end.
        """
        found = []
        for image in self.images():
            reading = Reading(self.asked, self.query, image, self.clock)
            if any(True for _ in reading.rows(1)):
                found.append(image.id)
            elif reading.stopped_at is not None:
                raise self.clock.too_long()
        return found

    def counts(self) -> Counted:
        """How many hits there are; when the time is over, those that were found until then."""
        totals: dict[tuple[int, int], int] = defaultdict(int)
        try:
            for image in self.images():
                reading = Reading(self.asked, self.query, image, self.clock)
                for key, n in reading.counts().items():
                    totals[key] += n
                if reading.stopped_at is not None:
                    return Counted(dict(totals), is_partial=True)
        except SearchTooLong:
            return Counted(dict(totals), is_partial=True)
        return Counted(dict(totals))

    def _with_candidates(self) -> frozenset[int] | None:
        """Images where the kept counts allow a hit; None when they say nothing, for the past or the deleted."""
        if self._whole == Always(False):
            return frozenset()
        if not self.is_present:
            return None
        there = (Image.image_set_id == self.asked.image_set_id, COUNTS.c.n > 0, count_bounds(self._whole).maybe)
        found = select(COUNTS.c.image_id).join(Image, Image.id == COUNTS.c.image_id).where(*there).distinct()
        with bounded(self.asked.session, self.clock):
            return frozenset(self.asked.session.scalars(found))


def _described(session: Session, scopes: Sequence[ReadScope]) -> list[SearchedImage]:
    """The images with what conditions need to know of them."""
    ids = [scope.image.image_id for scope in scopes]
    facts: dict[int, tuple[int, float | None, float | None]] = {}
    tags: dict[int, set[str]] = defaultdict(set)
    for start in range(0, len(ids), _CHUNK):
        some = ids[start : start + _CHUNK]
        described = select(Image.id, Image.position, Image.mpp_x, Image.mpp_y).where(Image.id.in_(some))
        facts |= {id_: (position, mpp_x, mpp_y) for id_, position, mpp_x, mpp_y in session.execute(described)}
        tagged = select(ImageTag.image_id, Tag.name).join(Tag, Tag.id == ImageTag.tag_id)
        for image_id, name in session.execute(tagged.where(ImageTag.image_id.in_(some))):
            tags[image_id].add(name)
    images = [
        SearchedImage(scope, *facts[scope.image.image_id], frozenset(tags[scope.image.image_id])) for scope in scopes
    ]
    return sorted(images, key=lambda image: (image.position, image.id))
