"""The second half of an import: what was set aside becomes annotations, all of it in one transaction or nothing.

Each image gets one revision of its set, however many shapes come to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from exact_core.annotations.access import rights_in
from exact_core.annotations.writing import Writer
from exact_core.api.errors import Forbidden, Invalid
from exact_core.exchange.catalog import type_of, types_of
from exact_core.exchange.document import ExchangeType
from exact_core.exchange.image_store import ImageStore
from exact_core.exchange.matching import Labels, types_of_labels
from exact_core.exchange.planning import (
    Options,
    Stored,
    Target,
    carried_over,
    images_for,
    mend_for,
    require_annotate,
    words_about_unknown,
)
from exact_core.exchange.reading import Content
from exact_core.exchange.sinks import WritingSink
from exact_core.exchange.staging import Staging
from exact_core.exchange.values import definitions_of
from exact_core.products import service as products
from exact_core.products import types as product_types
from exact_core.storage.models import ImageSetProduct
from exact_core.storage.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from exact_core.storage.models import Product

__all__ = ["Options", "Stored", "Target", "new_type_values", "store"]


def store(
    target: Target,
    staging: Staging,
    content: Content,
    options: Options,
    *,
    told: Callable[[float], None] = lambda _: None,
    before_commit: Callable[[Session, Stored], None] = lambda _session, _stored: None,
) -> Stored:
    """Make annotations of everything that was set aside.

    Args:
        target: Where to, and for whom.
        staging: The shapes.
        content: What reading found out about them.
        options: How.
        told: Hears how far it is; called inside of the transaction, may raise to take everything back.
        before_commit: Called at the end of the transaction with what was done.
    """
    report = carried_over(content.report, skip_bad=options.skip_bad)
    stored = Stored(report)
    with UnitOfWork(target.database, target.hooks, target.actor) as uow:
        require_annotate(uow.session, target)
        images = images_for(uow.session, target, staging.names, report)
        labels = _labels(uow.session, target, content, options, stored)
        record = uow.record if target.hooks.hears_annotations(target.image_set_id) else None
        total, done, run = max(content.shapes, 1), 0, options.run
        stores: dict[int, ImageStore] = {}  # by image: a file may call one image by several names
        for number, image in images.items():
            mend = mend_for(staging, number, image, options, report)
            if image.id not in stores:
                writer = Writer(uow.session, target.actor, image.id, rights_in(uow.session), record)
                # All images of a file are one run, so that they are reverted together.
                run = run or f"import {writer.facts.revision + 1}"
                sink = WritingSink(writer, options.run or content.format, run)
                stores[image.id] = ImageStore(sink, labels, stored, updates=options.on_duplicate == "update")
            for piece in staging.pieces(number):
                stores[image.id].add(piece, mend)
                done += len(piece)
                told(done / total)
        for each in stores.values():
            each.finish()
        before_commit(uow.session, stored)
    return stored


def _labels(session: Session, target: Target, content: Content, options: Options, stored: Stored) -> Labels:
    types = types_of(session, target.image_set_id, only_active=True)
    found = types_of_labels(content.labels, types, options.labels)
    if options.create_types_in is not None:
        wanted = [label for label in found.unknown if label and label not in options.labels]
        types += _create_types(session, target, content, options.create_types_in, wanted, stored)
        found = types_of_labels(content.labels, types, options.labels)
    if found.unknown and not stored.report.skips_bad:
        raise Invalid(words_about_unknown(found))
    return found


def _create_types(
    session: Session, target: Target, content: Content, product_id: int, labels: Sequence[str], stored: Stored
) -> list[ExchangeType]:
    """New types of a product that the set uses and the actor may change."""
    product = products.find_to_edit(session, target.actor, product_id)
    if session.get(ImageSetProduct, (target.image_set_id, product_id)) is None:
        raise Forbidden(f"The product {product.name!r} is not used by this image set; add it first.")
    return [_create_type(session, product, label, content, stored) for label in labels]


def _create_type(session: Session, product: Product, label: str, content: Content, stored: Stored) -> ExchangeType:
    kind = product_types.create(session, product, new_type_values(content, label))
    stored.created_types.append(label)
    return type_of(kind, product.name)


def new_type_values(content: Content, label: str) -> dict[str, object]:
    """What a type that is made for a label looks like."""
    facts = content.labels[label]
    return {
        "name": label,
        "shapes": [shape for shape, _ in facts.shapes.most_common()],
        "color": facts.color,
        "attributes": definitions_of(facts.attributes),
    }
