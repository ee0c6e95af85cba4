"""What a searchable field is, and what it gets to know while a query is compiled for an image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, false, func, or_, select, true
from sqlalchemy.orm import Session

from exact_core.annotations.scope import Can, ReadScope
from exact_core.api.context import Actor
from exact_core.products.naming import TypeNames
from exact_core.search.conditions import Checked, Condition
from exact_core.search.matching import matches
from exact_core.search.syntax import Op, Value, Word
from exact_core.search.tokens import SearchSyntaxError
from exact_core.storage.models import AnnotationType, ImageSetProduct, User

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exact_core.services import Services

EQUAL = frozenset({Op.HAS, Op.IS, Op.IS_NOT})
TEXTUAL = EQUAL | {Op.CONTAINS, Op.CONTAINS_NOT}
ORDERED = EQUAL | {Op.LESS, Op.AT_MOST, Op.MORE, Op.AT_LEAST}


class FieldKind(StrEnum):
    """How values of a field are written."""

    CLASS = "class"
    TEXT = "text"
    NAME = "name"
    PERSON = "person"
    NUMBER = "number"
    LENGTH = "length"
    AREA = "area"
    DATE = "date"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    PLACE = "place"


@dataclass(frozen=True, slots=True)
class SearchedImage:
    """An image that is searched, and what the actor may see of it."""

    scope: ReadScope
    position: int
    mpp_x: float | None
    mpp_y: float | None
    tags: frozenset[str] = frozenset()  # casefolded

    @property
    def id(self) -> int:
        """Its number."""
        return self.scope.image.image_id

    @property
    def scale(self) -> tuple[float, float] | None:
        """Micrometres per pixel in x and y; None when it is not known."""
        if not self.mpp_x:
            return None
        return self.mpp_x, self.mpp_y or self.mpp_x


@dataclass
class Asked:
    """Who searches where, and what was looked up for it; one per request."""

    session: Session
    services: Services
    actor: Actor
    can: Can
    image_set_id: int
    now: datetime
    notes: dict[str, set[int]] = field(default_factory=dict)
    """What people should know about the answer, and the images that it is about."""

    kept: dict[Any, Any] = field(default_factory=dict)
    """What fields have looked up, by keys of their own."""

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return str(self.session.get_bind().dialect.name)

    @cached_property
    def names(self) -> TypeNames:
        """The annotation types of the image set."""
        return TypeNames.of_image_set(self.session, self.image_set_id)

    @cached_property
    def attributes(self) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Definitions of attributes by casefolded name, over all types of the image set."""
        found: dict[str, list[Mapping[str, Any]]] = {}
        statement = (
            select(AnnotationType.attributes)
            .join(ImageSetProduct, ImageSetProduct.product_id == AnnotationType.product_id)
            .where(ImageSetProduct.image_set_id == self.image_set_id)
            .order_by(AnnotationType.id)
        )
        for definitions in self.session.scalars(statement):
            for definition in definitions:
                found.setdefault(definition["name"].casefold(), []).append(definition)
        return found

    def people(self, op: Op, word: Word) -> tuple[int, ...]:
        """Accounts whose name or shown name matches."""
        key = ("people", op, word.text, word.is_quoted)
        if key not in self.kept:
            name = or_(matches(User.name, op, word), matches(User.display_name, op, word))
            self.kept[key] = tuple(self.session.scalars(select(User.id).where(name).order_by(User.id)))
        found: tuple[int, ...] = self.kept[key]
        return found


@dataclass(frozen=True, slots=True)
class Use:
    """A field in a query about one image.

    Attributes:
        asked: The request.
        image: The image; None while the query is only checked, and compiled to narrow down the images.
    """

    asked: Asked
    image: SearchedImage | None


Build = Callable[[Use, Op, Value], Condition]
"""What a field makes of a positive comparison with one value; raises ``SearchSyntaxError`` for what is no value."""


@dataclass(frozen=True, slots=True)
class Field:
    """One searchable field.

    Attributes:
        name: What people type.
        title: What they read.
        kind: How its values are written.
        build: The condition of a comparison.
        operators: The comparisons that it has.
        description: What it means.
        example: A term to copy.
        values: Values to offer.
        plugin: The plugin that it comes from; empty for the core.
    """

    name: str
    title: str
    kind: FieldKind
    build: Build
    operators: frozenset[Op] = EQUAL
    description: str = ""
    example: str = ""
    values: Callable[[Asked], Sequence[str]] = lambda _: ()
    plugin: str = ""


def word_of(value: Value, what: str) -> Word:
    """A value that is a word; calls are refused."""
    if isinstance(value, Word):
        return value
    raise SearchSyntaxError(f"{what} is expected here, not parentheses", value.column, len(str(value)))


def wrong(value: Value, why: str, suggestion: str = "") -> SearchSyntaxError:
    """The refusal of a value."""
    length = len(value.text) if isinstance(value, Word) else len(str(value))
    return SearchSyntaxError(why, value.column, length, suggestion)


def unknown_yet() -> Checked:
    """The condition of what depends on the image, while there is none."""

    def refuse(_: object) -> Any:
        raise AssertionError("a condition without an image decides nothing")

    return Checked(refuse, true(), false())


def known(condition: ColumnElement[bool], *, nullable: bool) -> ColumnElement[bool]:
    """A condition that is never null, so that its negation holds where the value is missing."""
    return func.coalesce(condition, false()) if nullable else condition
