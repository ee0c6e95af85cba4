"""Finding annotation types by what people and files call them: by name, by an old name, by an external number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.products.tree import TypeTree
from exact_core.products.type_history import old_names
from exact_core.storage.models import AnnotationType, ImageSetProduct, Product


@dataclass(frozen=True, slots=True)
class NamedType:
    """A type with everything that it is or was called."""

    id: int
    name: str
    product_id: int
    product: str
    parent_id: int | None
    external_id: str
    is_active: bool
    merged_into_id: int | None
    old_names: tuple[str, ...] = ()

    @property
    def aliases(self) -> tuple[str, ...]:
        """What it is called besides its name."""
        return (*self.old_names, self.external_id) if self.external_id else self.old_names


@dataclass(frozen=True, slots=True)
class TypeNames:
    """The types of an image set, to be found by any of their names; letters' case does not matter."""

    types: Mapping[int, NamedType]
    tree: TypeTree
    _by_name: Mapping[str, tuple[int, ...]] = field(repr=False)
    _by_alias: Mapping[str, tuple[int, ...]] = field(repr=False)

    @classmethod
    def of_image_set(cls, session: Session, image_set_id: int) -> TypeNames:
        """All types of the set's products, retired ones too."""
        kind = AnnotationType
        statement = (
            select(
                kind.id, kind.name, Product.id, Product.name, kind.parent_id, kind.external_id, kind.is_active,
                kind.merged_into_id,
            )
            .join(Product, Product.id == kind.product_id)
            .join(ImageSetProduct, ImageSetProduct.product_id == Product.id)
            .where(ImageSetProduct.image_set_id == image_set_id)
            .order_by(kind.id)
        )  # fmt: skip
        found = [NamedType(*row) for row in session.execute(statement)]
        old = old_names(session, (each.id for each in found))
        return cls.of(NamedType(*_values(each), tuple(old.get(each.id, ()))) for each in found)

    @classmethod
    def of(cls, types: Iterable[NamedType]) -> TypeNames:
        """These types."""
        known = {each.id: each for each in types}
        by_name: dict[str, list[int]] = {}
        by_alias: dict[str, list[int]] = {}
        for each in known.values():
            by_name.setdefault(each.name.casefold(), []).append(each.id)
            for alias in each.aliases:
                by_alias.setdefault(alias.casefold(), []).append(each.id)
        return cls(
            known,
            TypeTree({each.id: each.parent_id for each in known.values()}),
            {name: tuple(ids) for name, ids in by_name.items()},
            {name: tuple(ids) for name, ids in by_alias.items()},
        )

    def find(self, name: str) -> tuple[int, ...]:
        """The types of this name; where there is none, those that were called so or have that external number.

        A type that was merged stands for the one that has its annotations now, and itself for what it had before.
        """
        folded = name.casefold()
        found = self._by_name.get(folded) or self._by_alias.get(folded) or ()
        merged = [self.current(each) for each in found]
        return tuple(dict.fromkeys([*found, *merged]))

    def current(self, type_id: int) -> int:
        """The type that a merged one was merged into, however often; itself where it was not."""
        seen = {type_id}
        while (into := self.types[type_id].merged_into_id) is not None and into in self.types and into not in seen:
            seen.add(into)
            type_id = into
        return type_id

    def to_draw(self, name: str) -> int | None:
        """The one active type that new annotations called so get: for imports; None when there is none, or several."""
        active = [each for each in self.find(name) if self.types[each].is_active]
        return active[0] if len(active) == 1 else None

    @property
    def spellings(self) -> list[str]:
        """Every name, for suggestions."""
        return [each.name for each in self.types.values()]


def _values(kind: NamedType) -> tuple[int, str, int, str, int | None, str, bool, int | None]:
    return (
        kind.id, kind.name, kind.product_id, kind.product, kind.parent_id, kind.external_id, kind.is_active,
        kind.merged_into_id,
    )  # fmt: skip
