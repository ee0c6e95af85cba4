"""The label tree of a product: a species lies below its genus, and counts as one too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.api.errors import Invalid
from exact_core.storage.models import AnnotationType

MAX_DEPTH = 20
"""Most levels of a tree: kingdom to subspecies with every rank between has fewer."""


class TypeTree:
    """Which type lies below which; a type whose parent is unknown is at the top."""

    def __init__(self, parents: Mapping[int, int | None]) -> None:
        self._parents = {child: parent if parent in parents else None for child, parent in parents.items()}
        self._children: dict[int, list[int]] = {}
        for child, parent in self._parents.items():
            if parent is not None:
                self._children.setdefault(parent, []).append(child)

    @classmethod
    def of_product(cls, session: Session, product_id: int) -> TypeTree:
        """The tree of one product, retired types too."""
        found = select(AnnotationType.id, AnnotationType.parent_id).where(AnnotationType.product_id == product_id)
        return cls(dict(session.execute(found).all()))

    @property
    def is_flat(self) -> bool:
        """Whether no type lies below another."""
        return not self._children

    def ancestors(self, type_id: int) -> list[int]:
        """The types above one, nearest first."""
        found: list[int] = []
        above = self._parents.get(type_id)
        while above is not None and above not in found:
            found.append(above)
            above = self._parents.get(above)
        return found

    def with_descendants(self, type_ids: Iterable[int]) -> frozenset[int]:
        """These types and all below them."""
        found: set[int] = set()
        waiting = list(type_ids)
        while waiting:
            type_id = waiting.pop()
            if type_id not in found:
                found.add(type_id)
                waiting += self._children.get(type_id, [])
        return frozenset(found)

    def height(self, type_id: int) -> int:
        """How many levels there are from a type down to its lowest descendant, itself included."""
        children = self._children.get(type_id, [])
        return 1 + max((self.height(child) for child in children), default=0)

    def rolled_up(self, counts: Mapping[int, int]) -> dict[int, int]:
        """Counts of each type with those of all types below it."""
        totals: dict[int, int] = {}
        for type_id, count in counts.items():
            for each in (type_id, *self.ancestors(type_id)):
                totals[each] = totals.get(each, 0) + count
        return totals


def require_place(session: Session, product_id: int, type_id: int | None, parent_id: int | None) -> None:
    """Refuse a parent of another product, a circle, and a tree that becomes too deep; a new type has no number."""
    if parent_id is None:
        return
    parent = session.get(AnnotationType, parent_id)
    if parent is None or parent.product_id != product_id:
        raise Invalid(f"The product has no type {parent_id} to put this one below.")
    if parent.merged_into_id is not None:
        raise Invalid(f"{parent.name} was merged into another type; put this one below that one.")
    tree = TypeTree.of_product(session, product_id)
    above = [parent_id, *tree.ancestors(parent_id)]
    if type_id in above:
        raise Invalid(f"{parent.name} lies below this type itself; a tree has no circles.")
    depth = len(above) + (1 if type_id is None else tree.height(type_id))
    if depth > MAX_DEPTH:
        raise Invalid(f"A label tree has at most {MAX_DEPTH} levels; this one would have {depth}.")
