"""Products: who sees and edits them, making, changing, copying and deleting them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, selectinload

from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, Forbidden, Invalid, NotFound
from exact_core.auth.rights import Right, Rights
from exact_core.auth.teams import Teams
from exact_core.products import types
from exact_core.products.tree import TypeTree
from exact_core.storage.blobs import Blobs
from exact_core.storage.models import (
    AnnotationSummary,
    AnnotationType,
    Image,
    ImageSet,
    ImageSetProduct,
    Product,
    Team,
    TeamMember,
)


def visible(session: Session, actor: Actor) -> ColumnElement[bool]:
    """The condition for products that the actor may see: of own teams, and of image sets that they may see."""
    if actor.is_admin:
        return Product.id.is_not(None)
    own_teams = select(TeamMember.team_id).where(TeamMember.user_id == actor.user_id)
    used = (
        select(ImageSetProduct.product_id)
        .join(ImageSet, ImageSet.id == ImageSetProduct.image_set_id)
        .where(Rights(session).visible_image_sets(actor))
    )
    return or_(Product.team_id.in_(own_teams), Product.id.in_(used))


def led_teams(session: Session, actor: Actor) -> frozenset[int] | None:
    """Teams whose products the actor may change; None for all."""
    if actor.is_admin:
        return None
    led = select(TeamMember.team_id).where(TeamMember.user_id == actor.user_id, TeamMember.is_lead)
    return frozenset(session.scalars(led))


def find(session: Session, actor: Actor, product_id: int) -> Product:
    """A product that the actor may see, with its types."""
    statement = (
        select(Product).where(Product.id == product_id, visible(session, actor)).options(selectinload(Product.types))
    )
    product = session.scalars(statement).first()
    if product is None:
        raise NotFound(f"There is no product {product_id} that you may see.")
    return product


def find_to_edit(session: Session, actor: Actor, product_id: int) -> Product:
    """A product that the actor may change."""
    product = find(session, actor, product_id)
    require_lead(session, actor, product.team_id)
    return product


def require_lead(session: Session, actor: Actor, team_id: int) -> None:
    """Refuse all but leads of the team and administrators."""
    led = led_teams(session, actor)
    if led is not None and team_id not in led:
        raise Forbidden("Only leads of the team that owns a product, and administrators, can make or change it.")


def create(
    session: Session, actor: Actor, team_id: int, name: str, description: str, new_types: Sequence[dict[str, Any]]
) -> Product:
    """Make a product with its first types."""
    Teams(session, actor).require_lead(team_id)
    _require_free_name(session, team_id, name)
    product = Product(team_id=team_id, name=name, description=description, created_by_id=actor.user_id or None)
    session.add(product)
    _flush(session, f"The team already has a product named {name!r}.")
    for values in new_types:
        types.create(session, product, values)
    return product


def change(session: Session, product: Product, name: str | None, description: str | None) -> None:
    """Rename or describe a product."""
    if name is not None and name != product.name:
        _require_free_name(session, product.team_id, name, product.id)
        product.name = name
    if description is not None:
        product.description = description
    _flush(session, f"The team already has a product named {product.name!r}.")


def copy(session: Session, blobs: Blobs, actor: Actor, product: Product, name: str, team_id: int | None) -> Product:
    """Make a product with copies of another's active types."""
    chosen = [kind for kind in product.types if kind.is_active]
    fresh = create(session, actor, team_id or product.team_id, name, product.description, [])
    copies = {kind.id: types.copy(session, blobs, kind, fresh) for kind in chosen}
    tree = TypeTree({kind.id: kind.parent_id for kind in product.types})
    for type_id, made in copies.items():
        above = next((copies[each] for each in tree.ancestors(type_id) if each in copies), None)
        made.parent_id = above.id if above else None
    session.flush()
    return fresh


def delete(session: Session, product: Product) -> list[str]:
    """Delete a product that nothing uses; returns files to remove after the commit."""
    sets = session.scalar(select(func.count()).where(ImageSetProduct.product_id == product.id)) or 0
    if sets:
        raise Conflict(f"{product.name} is used by {sets} image set(s); remove it from them first.")
    used = exists().where(AnnotationSummary.type_id == AnnotationType.id)  # at zero too: the history has it
    named = session.scalar(select(AnnotationType.name).where(AnnotationType.product_id == product.id, used).limit(1))
    if named is not None:
        raise Conflict(f"Annotations use the type {named!r} of {product.name}, so it stays; retire its types instead.")
    files = [kind.example_path for kind in product.types if kind.example_path]
    session.delete(product)
    session.flush()
    return files


def page(
    session: Session, actor: Actor, *, query: str, team_id: int | None, cursor: str | None, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """Products by name, with their numbers of types and image sets."""
    start = _offset(cursor)
    statement = select(Product).where(visible(session, actor)).order_by(func.lower(Product.name), Product.id)
    if query:
        statement = statement.where(Product.name.icontains(query, autoescape=True))
    if team_id is not None:
        statement = statement.where(Product.team_id == team_id)
    found = list(session.scalars(statement.offset(start).limit(limit + 1)))
    more = len(found) > limit
    return outlines(session, actor, found[:limit]), str(start + limit) if more else None


def outlines(session: Session, actor: Actor, products: Sequence[Product]) -> list[dict[str, Any]]:
    """Products as lists show them."""
    ids = [product.id for product in products]
    type_counts = _counted(session, AnnotationType.product_id, AnnotationType.product_id.in_(ids))
    seen = select(ImageSet.id).where(Rights(session).visible_image_sets(actor))
    using = ImageSetProduct.product_id.in_(ids) & ImageSetProduct.image_set_id.in_(seen)
    set_counts = _counted(session, ImageSetProduct.product_id, using)
    team_ids = {product.team_id for product in products}
    teams = dict(session.execute(select(Team.id, Team.name).where(Team.id.in_(team_ids))).all())
    led = led_teams(session, actor)
    return [
        {
            "id": product.id,
            "name": product.name,
            "description": product.description,
            "team": {"id": product.team_id, "name": teams[product.team_id]},
            "created_at": product.created_at,
            "type_count": type_counts.get(product.id, 0),
            "image_set_count": set_counts.get(product.id, 0),
            "may_edit": led is None or product.team_id in led,
        }
        for product in products
    ]


def detail(session: Session, actor: Actor, product: Product) -> dict[str, Any]:
    """A product with its types and the image sets that use it."""
    sets = (
        select(ImageSet.id, ImageSet.name)
        .join(ImageSetProduct, ImageSetProduct.image_set_id == ImageSet.id)
        .where(ImageSetProduct.product_id == product.id, ImageSet.deleted_at.is_(None))
        .where(Rights(session).visible_image_sets(actor))
        .order_by(ImageSet.name)
    )
    return outlines(session, actor, [product])[0] | {
        "types": [types.to_json(kind, product.name) for kind in product.types],
        "image_sets": [{"id": id_, "name": name} for id_, name in session.execute(sets)],
    }


def usage(session: Session, actor: Actor, product: Product) -> list[dict[str, int]]:
    """Live annotations and image sets per type, from the kept sums, in sets where the actor sees everybody's."""
    rights = Rights(session)
    using = session.scalars(select(ImageSetProduct.image_set_id).where(ImageSetProduct.product_id == product.id))
    seen = [each for each in using if rights.decide(actor, Right.SEE_ALL, each).allowed]
    statement = (
        select(
            AnnotationSummary.type_id,
            func.sum(AnnotationSummary.n),
            func.count(Image.image_set_id.distinct()),
        )
        .join(Image, Image.id == AnnotationSummary.image_id)
        .where(AnnotationSummary.type_id.in_([kind.id for kind in product.types]), AnnotationSummary.n > 0)
        .where(Image.image_set_id.in_(seen))
        .group_by(AnnotationSummary.type_id)
    )
    found = {type_id: (int(n), sets) for type_id, n, sets in session.execute(statement)}
    counts = ((kind.id, *found.get(kind.id, (0, 0))) for kind in product.types)
    return [{"type_id": type_id, "annotations": n, "image_sets": sets} for type_id, n, sets in counts]


def _counted(session: Session, column: Any, condition: ColumnElement[bool]) -> dict[int, int]:
    rows = session.execute(select(column, func.count()).where(condition).group_by(column))
    return dict(rows.all())


def _require_free_name(session: Session, team_id: int, name: str, own_id: int = 0) -> None:
    taken = select(Product.id).where(
        Product.team_id == team_id, func.lower(Product.name) == name.lower(), Product.id != own_id
    )
    if session.scalar(taken) is not None:
        raise Conflict(f"The team already has a product named {name!r}.")


def _flush(session: Session, message: str) -> None:
    """Write, and say clearly when somebody else took the name at the same moment."""
    try:
        session.flush()
    except IntegrityError:
        raise Conflict(message) from None


def _offset(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not cursor.isdecimal() or not cursor.isascii() or len(cursor) > 9:
        raise Invalid("The cursor is not one that a list gave; leave it out to begin at the start.")
    return int(cursor)
