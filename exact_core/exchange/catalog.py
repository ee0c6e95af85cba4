"""Images and annotation types of a set in the form that formats see."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, literal, or_, select
from sqlalchemy.orm import Session

from exact_core.api.contributions import Shape
from exact_core.exchange.document import ExchangeImage, ExchangeType
from exact_core.storage.models import AnnotationSummary, AnnotationType, Image, ImageSetProduct, Product

MakeProperties: TypeAlias = Callable[[int], Mapping[str, str]]
"""What the file of an image says about it, for its number; may read it later."""


def no_properties(_image_id: int) -> Mapping[str, str]:
    """Nothing, for those who have no files at hand."""
    return {}


def images_of(
    session: Session,
    image_set_id: int,
    image_ids: Iterable[int] | None = None,
    *,
    with_file_names: bool = False,
    properties: MakeProperties = no_properties,
) -> list[ExchangeImage]:
    """Images of a set that are there, in the set's order; only some of them when asked.

    ``with_file_names`` is for those who have the right to original names.
    """
    conditions = [Image.image_set_id == image_set_id, Image.deleted_at.is_(None)]
    columns = (
        Image.id,
        Image.name,
        Image.width,
        Image.height,
        Image.mpp_x,
        Image.mpp_y,
        Image.size_z,
        Image.size_t,
        Image.size_c,
        Image.private_name if with_file_names else literal(""),
    )
    statement = select(*columns).where(*conditions).order_by(Image.position, Image.id)
    if image_ids is not None:
        statement = statement.where(Image.id.in_(list(image_ids)))
    rows: Iterable[Any] = session.execute(statement)
    return [ExchangeImage(*(*facts, properties(facts[0]))) for facts in rows]


def types_of(session: Session, image_set_id: int, *, only_active: bool = False) -> list[ExchangeType]:
    """The types of a set's products in their order, with those that only old annotations of the set have."""
    used = select(ImageSetProduct.product_id).where(ImageSetProduct.image_set_id == image_set_id)
    wanted = AnnotationType.product_id.in_(used)
    if only_active:
        return _types(session, wanted, AnnotationType.is_active.is_(True))
    counted = (
        select(AnnotationSummary.type_id)
        .join(Image, Image.id == AnnotationSummary.image_id)
        .where(Image.image_set_id == image_set_id)
    )
    return _types(session, or_(wanted, AnnotationType.id.in_(counted)))


def types_by_id(session: Session, ids: Iterable[int]) -> list[ExchangeType]:
    """Types by their numbers, whatever product they are of."""
    wanted = list(ids)
    return _types(session, AnnotationType.id.in_(wanted)) if wanted else []


def type_of(kind: AnnotationType, product: str) -> ExchangeType:
    """One type as formats see it."""
    shapes = tuple(Shape(shape) for shape in kind.shapes)
    return ExchangeType(kind.id, kind.name, product, kind.color, shapes, tuple(kind.attributes or ()))


def _types(session: Session, *conditions: ColumnElement[bool]) -> list[ExchangeType]:
    statement = (
        select(AnnotationType, Product.name)
        .join(Product, Product.id == AnnotationType.product_id)
        .where(*conditions)
        .order_by(Product.name, AnnotationType.sort_order, AnnotationType.id)
    )
    return [type_of(kind, product) for kind, product in session.execute(statement)]
