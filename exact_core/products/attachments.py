"""Which products an image set uses, and the annotation types that people draw there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, Invalid
from exact_core.products import service, types
from exact_core.storage.models import AnnotationSummary, AnnotationType, Image, ImageSet, ImageSetProduct, Product


def products_of(session: Session, image_set_id: int) -> list[Product]:
    """The products of an image set, by name."""
    statement = (
        select(Product)
        .join(ImageSetProduct, ImageSetProduct.product_id == Product.id)
        .where(ImageSetProduct.image_set_id == image_set_id)
        .order_by(func.lower(Product.name), Product.id)
    )
    return list(session.scalars(statement))


def types_of(session: Session, image_set_id: int) -> list[dict[str, Any]]:
    """All types of an image set in the order of the list, with the keys that choose them; retired ones are marked."""
    statement = (
        select(AnnotationType, Product.name)
        .join(Product, Product.id == AnnotationType.product_id)
        .join(ImageSetProduct, ImageSetProduct.product_id == Product.id)
        .where(ImageSetProduct.image_set_id == image_set_id)
        .order_by(func.lower(Product.name), Product.id, AnnotationType.sort_order, AnnotationType.id)
    )
    found = session.execute(statement).all()
    keys = types.effective_keys(kind for kind, _ in found)
    return [types.to_json(kind, name) | {"key": keys.get(kind.id)} for kind, name in found]


def set_products(session: Session, actor: Actor, image_set_id: int, product_ids: Sequence[int]) -> None:
    """Make an image set use exactly these products; the caller has checked the right to manage the set."""
    lock = select(ImageSet.id).where(ImageSet.id == image_set_id).with_for_update()
    session.execute(lock)  # annotations take the same lock, so none can slip in while its product goes
    current = {product.id for product in products_of(session, image_set_id)}
    wanted = set(product_ids)
    for product_id in current - wanted:
        _detach(session, image_set_id, product_id)
    for product_id in sorted(wanted - current):
        known = select(Product.id).where(Product.id == product_id, service.visible(session, actor))
        if session.scalar(known) is None:
            raise Invalid(f"There is no product {product_id} that you may use.")
        session.add(ImageSetProduct(image_set_id=image_set_id, product_id=product_id))
    session.flush()


def _detach(session: Session, image_set_id: int, product_id: int) -> None:
    row = AnnotationSummary
    own_images = select(Image.id).where(Image.image_set_id == image_set_id)
    in_use = select(AnnotationType.name).where(
        AnnotationType.product_id == product_id,
        exists().where(row.type_id == AnnotationType.id, row.n > 0, row.image_id.in_(own_images)),
    )
    name = session.scalar(in_use.limit(1))
    if name is not None:
        raise Conflict(f"The image set has annotations of {name!r}: delete or relabel them before its product goes.")
    link = session.get(ImageSetProduct, (image_set_id, product_id))
    if link is not None:
        session.delete(link)
