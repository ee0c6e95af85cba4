"""What a shape must fulfil to be kept: a type of the set's products, an allowed form, a frame that exists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.annotations.scope import Frame, ImageFacts
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.products import attributes
from exact_core.storage.models import EVERY_FRAME, AnnotationType, ImageSetProduct

MAX_TEXT = 10_000
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


class TypeRules:
    """The annotation types of an image set's products."""

    def __init__(self, session: Session, image_set_id: int) -> None:
        statement = (
            select(
                AnnotationType.id,
                AnnotationType.name,
                AnnotationType.shapes,
                AnnotationType.is_active,
                AnnotationType.attributes,
            )
            .join(ImageSetProduct, ImageSetProduct.product_id == AnnotationType.product_id)
            .where(ImageSetProduct.image_set_id == image_set_id)
        )
        self._rules = {
            row.id: TypeRule(row.id, row.name, tuple(row.shapes), row.is_active, tuple(row.attributes))
            for row in session.execute(statement)
        }

    def __contains__(self, type_id: int) -> bool:
        return type_id in self._rules

    @property
    def ids(self) -> frozenset[int]:
        """The types by number."""
        return frozenset(self._rules)

    def require(self, type_id: int) -> TypeRule:
        """The type, if a product of this image set has it."""
        rule = self._rules.get(type_id)
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
