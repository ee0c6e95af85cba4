"""What a shape must fulfil to be kept: a type of the set's products, an allowed form, a frame that exists."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, Table, bindparam, select
from sqlalchemy.orm import Session

from exact_core.annotations.scope import Frame, ImageFacts
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.products import attributes
from exact_core.storage.models import EVERY_FRAME, AnnotationType, ImageSetProduct
from exact_core.storage.prepared import Prepared

MAX_TEXT = 10_000
_FEW = 100  # types that are asked for by number
DEFAULT_FRAME = Frame(0, 0, EVERY_FRAME)


@dataclass(frozen=True, slots=True)
class TypeRule:
    """An annotation type as writing needs it."""

    id: int
    name: str
    shapes: tuple[str, ...]
    is_active: bool
    attributes: tuple[Mapping[str, Any], ...]

    def require_active(self) -> None:
        """Refuse new shapes of a type that was retired."""
        if not self.is_active:
            raise Invalid(f"The annotation type {self.name!r} is retired: choose another, or reactivate it.")

    def require_shape(self, shape: Shape) -> None:
        """Refuse a form that the type does not allow."""
        if shape.value not in self.shapes:
            allowed = " or ".join(name.replace("_", " ") for name in self.shapes)
            raise Invalid(f"{self.name} is drawn as {allowed}, not as {shape.value.replace('_', ' ')}.")


_TYPES = cast("Table", AnnotationType.__table__).c
_USED = cast("Table", ImageSetProduct.__table__).c
RULE_COLUMNS: tuple[ColumnElement[Any], ...] = (
    _TYPES.id,
    _TYPES.name,
    _TYPES.shapes,
    _TYPES.is_active,
    _TYPES.attributes,
)
"""What :meth:`TypeRules.keep` takes."""

_RULES = (
    select(*RULE_COLUMNS)
    .join(ImageSetProduct, _USED.product_id == _TYPES.product_id)
    .where(_USED.image_set_id == bindparam("image_set"))
)
_SOME_RULES = _RULES.where(_TYPES.id.in_(bindparam("ids", expanding=True)))
_ONE_RULE = Prepared(_RULES.where(_TYPES.id == bindparam("id")))


class TypeRules:
    """The annotation types of an image set's products, read when they are first asked for."""

    def __init__(self, session: Session, image_set_id: int) -> None:
        self._session = session
        self._image_set_id = image_set_id
        self._rules: dict[int, TypeRule | None] = {}

    def __contains__(self, type_id: int) -> bool:
        self.prepare([type_id])
        return self._rules[type_id] is not None

    def prepare(self, ids: Collection[int]) -> None:
        """Read these types at once."""
        missing = set(ids) - self._rules.keys()
        if not missing:
            return
        self._rules |= dict.fromkeys(missing)
        if len(missing) == 1:
            self.keep(_ONE_RULE.rows(self._session, {"image_set": self._image_set_id, "id": missing.pop()}))
        elif len(missing) > _FEW:
            self._read(_RULES, {})
        else:
            self._read(_SOME_RULES, {"ids": list(missing)})

    @property
    def ids(self) -> frozenset[int]:
        """The types by number."""
        self._read(_RULES, {})
        return frozenset(id_ for id_, rule in self._rules.items() if rule is not None)

    def _read(self, statement: Select[Any], asked: dict[str, Any]) -> None:
        self._session.flush()
        self.keep(self._session.connection().execute(statement, {"image_set": self._image_set_id, **asked}))

    def keep(self, found: Iterable[Sequence[Any]]) -> None:
        """Types that were read already, as rows of ``RULE_COLUMNS``; all of them belong to the image set."""
        for id_, name, shapes, is_active, attributes_ in found:
            self._rules[id_] = TypeRule(id_, name, tuple(shapes), is_active, tuple(attributes_))

    def require(self, type_id: int) -> TypeRule:
        """The type, if a product of this image set has it."""
        self.prepare([type_id])
        rule = self._rules[type_id]
        if rule is None:
            raise Invalid(f"This image set has no annotation type {type_id}; add its product to the set first.")
        return rule


def checked_attributes(rule: TypeRule, values: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes as the type defines them, with all that it requires."""
    answer = attributes.checked(rule.attributes, values, rule.name)
    attributes.require(rule.attributes, answer, rule.name)
    return answer


def checked_text(text: str) -> str:
    """Free text that both databases can hold."""
    if len(text) > MAX_TEXT or "\x00" in text:
        raise Invalid(f"The text of an annotation has at most {MAX_TEXT:,} characters, none of them NUL.")
    return text


def checked_frame(frame: Frame, facts: ImageFacts) -> Frame:
    """A frame that the image has."""
    for axis, value, size in (
        ("z", frame.z, facts.size_z),
        ("t", frame.t, facts.size_t),
        ("c", frame.c, facts.size_c),
    ):
        if not EVERY_FRAME <= value < size:
            raise Invalid(f"Image {facts.name} has {axis} from 0 to {size - 1} (or -1 for all), not {value}.")
    return frame
