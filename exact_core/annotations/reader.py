"""Counts of annotations for plugins, bound to a session and to what one actor may see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from exact_core.annotations.access import rights_in
from exact_core.annotations.counts import Area, by_type, in_region, rows_in_area
from exact_core.annotations.scope import EVERYTHING, ROWS, Can, Frame, ReadScope, read_scope, read_scopes
from exact_core.api.annotations import Cell, PlacedShape, Region, TypeInfo
from exact_core.api.context import Actor
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid, NotFound, TooLarge
from exact_core.storage.models import AnnotationType, Product

_CHUNK = 1_000  # SQLite takes a limited number of parameters


class ScopedReader:
    """The ``AnnotationReader`` of the plugin contract: blind rules and rights are part of it from the start."""

    def __init__(self, session: Session, actor: Actor, can: Can | None = None) -> None:
        self._session = session
        self._actor = actor
        self._can = can or rights_in(session)
        self._scopes: dict[int, ReadScope] = {}
        self._types: dict[int, TypeInfo] = {}

    def count_by_type(self, region: Region) -> Mapping[TypeInfo, int]:
        """Count the shapes whose centre lies in a region."""
        totals: dict[int, int] = defaultdict(int)
        for count in in_region(self._session, self._scope(region.image_id), _area(region), _frame(region), 0):
            totals[count.type_id] += count.n
        types = self._known(totals)
        return {types[type_id]: n for type_id, n in totals.items()}

    def grid_counts(self, region: Region, cell: int) -> Mapping[Cell, Mapping[TypeInfo, int]]:
        """Count the shapes of a region per square cell of a grid over the whole image."""
        if cell < 1:
            raise Invalid(f"The side of a cell must be at least 1 pixel, not {cell}.")
        found: dict[Cell, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        for count in in_region(self._session, self._scope(region.image_id), _area(region), _frame(region), cell):
            found[count.column, count.row][count.type_id] += count.n
        types = self._known({type_id for counts in found.values() for type_id in counts})
        return {place: {types[type_id]: n for type_id, n in counts.items()} for place, counts in found.items()}

    def image_counts(self, image_set_id: int) -> Mapping[int, Mapping[TypeInfo, int]]:
        """Count the shapes of each image of an image set, in all of its frames."""
        if not self._can(self._actor, "view", image_set_id):
            raise NotFound(f"There is no image set {image_set_id} that you may see.")
        scopes = read_scopes(self._session, self._actor, image_set_id, self._can)
        found = {scope.image.image_id: by_type(self._session, scope, EVERYTHING) for scope in scopes}
        types = self._known({type_id for counts in found.values() for type_id in counts})
        return {id_: {types[type_id]: n for type_id, n in counts.items()} for id_, counts in found.items()}

    def shapes(self, region: Region, limit: int = 100_000) -> Sequence[PlacedShape]:
        """List the shapes whose centre lies in a region, without their outlines."""
        scope, row = self._scope(region.image_id), ROWS.c
        box: list[ColumnElement[Any]] = [row.x0, row.y0, row.x1, row.y1]
        columns = [row.annotation_id, row.type_id, row.author_id, row.shape, row.z, row.t, *box]
        found = rows_in_area(self._session, scope, _area(region), _frame(region), columns, limit)
        if len(found) > limit:
            raise TooLarge(f"There are more than {limit} shapes in the region; take a smaller one.")
        types = self._known({type_id for _, type_id, *_ in found})
        return [
            PlacedShape(id_, types[type_id], scope.author(author), Shape.from_number(shape), (x0, y0, x1, y1), z, t)
            for id_, type_id, author, shape, z, t, x0, y0, x1, y1 in found
        ]

    def seen(self, image_id: int, annotation_ids: Collection[int]) -> frozenset[int]:
        """Find out which annotations of an image the actor may see now."""
        wanted, row = sorted(set(annotation_ids)), ROWS.c
        found: set[int] = set()
        for start in range(0, len(wanted), _CHUNK):
            part = wanted[start : start + _CHUNK]
            live = select(row.annotation_id).where(*self._scope(image_id).revisions(), row.annotation_id.in_(part))
            found.update(self._session.scalars(live))
        return frozenset(found)

    def revision(self, image_id: int) -> int:
        """Return a number that rises with every change to annotations of the image's set."""
        return self._scope(image_id).revision

    def _scope(self, image_id: int) -> ReadScope:
        if image_id not in self._scopes:
            self._scopes[image_id] = read_scope(self._session, self._actor, image_id, self._can)
        return self._scopes[image_id]

    def _known(self, type_ids: Iterable[int]) -> Mapping[int, TypeInfo]:
        """The types by id, read once."""
        missing = set(type_ids) - self._types.keys()
        if missing:
            statement = (
                select(AnnotationType.id, AnnotationType.name, Product.id, Product.name, AnnotationType.color)
                .join(Product, Product.id == AnnotationType.product_id)
                .where(AnnotationType.id.in_(missing))
            )
            self._types |= {row[0]: TypeInfo(*row) for row in self._session.execute(statement)}
        return self._types


def _area(region: Region) -> Area:
    return Area(region.x0, region.y0, region.x1, region.y1)


def _frame(region: Region) -> Frame:
    return Frame(region.z, region.t, region.c)
