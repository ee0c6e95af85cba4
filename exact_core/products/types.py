"""Annotation types of a product: free names and keys, shapes in use stay, retiring instead of deleting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from sqlalchemy import exists, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from exact_core.api.contributions import Shape
from exact_core.api.errors import Conflict, Invalid
from exact_core.products import type_history
from exact_core.products.tree import require_place
from exact_core.storage.blobs import Blobs
from exact_core.storage.models import LIVE, AnnotationRevision, AnnotationSummary, AnnotationType, Product

KEYS = "123456789"

_COPIED = (
    "name",
    "description",
    "shapes",
    "color",
    "sort_order",
    "key",
    "default_width",
    "default_height",
    "default_unit",
    "attributes",
    "external_id",
    "rank",
)

# Distinguishable on stained tissue and on dark pictures, also for most colour-blind people in this order.
PALETTE = (
    "#e6194b",
    "#4363d8",
    "#ffe119",
    "#3cb44b",
    "#f58231",
    "#42d4f4",
    "#911eb4",
    "#f032e6",
    "#bfef45",
    "#469990",
    "#9a6324",
    "#fabed4",
    "#dcbeff",
    "#aaffc3",
    "#800000",
    "#000075",
)


def create(session: Session, product: Product, values: Mapping[str, Any]) -> AnnotationType:
    """Add a type at the end of its product."""
    _require_free(session, product.id, values["name"], values.get("key"))
    require_place(session, product.id, None, values.get("parent_id"))
    last = session.scalar(select(func.max(AnnotationType.sort_order)).where(AnnotationType.product_id == product.id))
    kind = AnnotationType(
        product_id=product.id,
        sort_order=0 if last is None else last + 1,
        **{**values, "color": values.get("color") or _next_color(session, product.id)},
    )
    session.add(kind)
    _flush(session, kind)
    return kind


def change(
    session: Session, kind: AnnotationType, values: Mapping[str, Any], actor_id: int | None = None, reason: str = ""
) -> None:
    """Change what is given of a type, and write down what it was."""
    values, before = dict(values), type_history.values_of(kind)
    if values.get("key") == "":
        values["key"] = None
    key = values.get("key", kind.key) if values.get("is_active", kind.is_active) else None
    _require_free(session, kind.product_id, values.get("name", kind.name), key, kind.id)
    if "shapes" in values:
        _require_shapes_kept(session, kind, values["shapes"])
    if "parent_id" in values:
        require_place(session, kind.product_id, kind.id, values["parent_id"])
    for name, value in values.items():
        setattr(kind, name, value)
    if values.get("is_active"):
        kind.merged_into_id = None  # it is a type of its own again
    _flush(session, kind)
    type_history.record(session, kind, before, actor_id, reason, "changed")


def delete(session: Session, kind: AnnotationType) -> str:
    """Delete a type that was never used; returns its example picture, to remove after the commit.

    What lies below it in the label tree moves up.
    """
    if session.scalar(select(exists().where(AnnotationSummary.type_id == kind.id))):  # at zero too: the history has it
        raise Conflict(f"Annotations use {kind.name}, so it cannot be deleted; retire it instead.")
    path = kind.example_path
    below = AnnotationType.parent_id == kind.id
    session.execute(update(AnnotationType).where(below).values(parent_id=kind.parent_id))
    session.delete(kind)
    session.flush()
    return path


def reorder(product: Product, type_ids: Sequence[int]) -> None:
    """Put the types of a product in a new order."""
    by_id = {kind.id: kind for kind in product.types}
    if sorted(type_ids) != sorted(by_id):
        raise Invalid("The order must name each type of the product exactly once.")
    for place, type_id in enumerate(type_ids):
        by_id[type_id].sort_order = place


def copy(session: Session, blobs: Blobs, kind: AnnotationType, product: Product) -> AnnotationType:
    """Add a copy of a type to another product."""
    fresh = AnnotationType(product_id=product.id, **{name: getattr(kind, name) for name in _COPIED})
    if kind.example_path and blobs.path(kind.example_path).exists():
        fresh.example_path = new_example_path()
        blobs.write(fresh.example_path, blobs.path(kind.example_path).read_bytes())
    session.add(fresh)
    session.flush()
    return fresh


def new_example_path() -> str:
    """A place for an example picture; a new one for each picture, so that browsers may keep it."""
    return f"examples/{uuid4().hex}.jpg"


def to_json(kind: AnnotationType, product_name: str, key: str | None = None) -> dict[str, Any]:
    """A type as the API answers it."""
    example = kind.example_path.rpartition("/")[2].partition(".")[0]
    return {
        "id": kind.id,
        "product": {"id": kind.product_id, "name": product_name},
        "name": kind.name,
        "description": kind.description,
        "shapes": kind.shapes,
        "color": kind.color,
        "sort_order": kind.sort_order,
        "key": key or kind.key,
        "default_width": kind.default_width,
        "default_height": kind.default_height,
        "default_unit": kind.default_unit,
        "attributes": kind.attributes,
        "is_active": kind.is_active,
        "example_url": f"/api/v2/annotation-types/{kind.id}/example?v={example[:12]}" if example else None,
        "parent_id": kind.parent_id,
        "external_id": kind.external_id,
        "rank": kind.rank,
        "merged_into_id": kind.merged_into_id,
    }


def effective_keys(kinds: Iterable[AnnotationType]) -> dict[int, str]:
    """The key of each type of an image set: its own if it is free, else the next free digit by position."""
    active = [kind for kind in kinds if kind.is_active]
    keys: dict[int, str] = {}
    for kind in active:
        if kind.key and kind.key not in keys.values():
            keys[kind.id] = kind.key
    free = [key for key in KEYS if key not in keys.values()]
    for kind in active:
        if kind.id not in keys and free:
            keys[kind.id] = free.pop(0)
    return keys


def _require_free(session: Session, product_id: int, name: str, key: str | None, own_id: int = 0) -> None:
    others = select(AnnotationType).where(AnnotationType.product_id == product_id, AnnotationType.id != own_id)
    for other in session.scalars(others):
        if other.name.casefold() == name.casefold():
            retired = "" if other.is_active else ", which is retired: reactivate it instead"
            raise Conflict(f"The product already has a type named {other.name!r}{retired}.")
        if key and other.is_active and other.key == key:
            raise Conflict(f"The key {key} already belongs to {other.name!r}; choose another.")


def _require_shapes_kept(session: Session, kind: AnnotationType, shapes: Sequence[str]) -> None:
    """Refuse to forbid a form that live annotations of the type have."""
    images = select(AnnotationSummary.image_id).where(AnnotationSummary.type_id == kind.id, AnnotationSummary.n > 0)
    for dropped in set(kind.shapes) - set(shapes):
        row = AnnotationRevision
        is_live = (row.type_id == kind.id, row.shape == Shape(dropped).number, row.valid_to == LIVE)
        drawn = exists().where(row.image_id.in_(images), *is_live)
        if session.scalar(select(drawn)):
            word = dropped.replace("_", " ")
            raise Conflict(f"There are annotations of {kind.name} drawn as {word}; delete or change them first.")


def _next_color(session: Session, product_id: int) -> str:
    used = set(session.scalars(select(AnnotationType.color).where(AnnotationType.product_id == product_id)))
    return next((color for color in PALETTE if color not in used), PALETTE[len(used) % len(PALETTE)])


def _flush(session: Session, kind: AnnotationType) -> None:
    try:
        session.flush()
    except IntegrityError:
        raise Conflict(f"The product already has a type named {kind.name!r}.") from None
