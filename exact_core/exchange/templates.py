"""Users' own export templates: of an image set, or of a product and so of every set that uses it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, NotFound
from exact_core.auth.rights import Right, Rights
from exact_core.exchange.template_format import TemplateTexts, compiled
from exact_core.products import service as products
from exact_core.storage.models import ExportTemplate, ImageSetProduct, now

MOST_TEMPLATES = 100
"""Of one image set or product."""

TEXTS = (
    "name", "description", "extension", "scope", "escape", "header", "image_header", "body", "separator",
    "image_footer", "footer",
)  # fmt: skip
"""What users write."""


def templates_of_set(session: Session, actor: Actor, image_set_id: int) -> Sequence[ExportTemplate]:
    """The templates that can be used in a set: its own, then those of its products."""
    Rights(session).require(actor, Right.VIEW, image_set_id)
    used = select(ImageSetProduct.product_id).where(ImageSetProduct.image_set_id == image_set_id)
    own = or_(ExportTemplate.image_set_id == image_set_id, ExportTemplate.product_id.in_(used))
    order = (ExportTemplate.image_set_id.is_(None), ExportTemplate.name, ExportTemplate.id)
    return session.scalars(select(ExportTemplate).where(own).order_by(*order)).all()


def templates_of_product(session: Session, actor: Actor, product_id: int) -> Sequence[ExportTemplate]:
    """The templates of a product that the actor may see."""
    products.find(session, actor, product_id)
    own = select(ExportTemplate).where(ExportTemplate.product_id == product_id)
    return session.scalars(own.order_by(ExportTemplate.name, ExportTemplate.id)).all()


def usable_template(session: Session, actor: Actor, image_set_id: int, template_id: int) -> TemplateTexts:
    """The texts of a template that the set, or one of its products, has."""
    found = next((each for each in templates_of_set(session, actor, image_set_id) if each.id == template_id), None)
    if found is None:
        raise NotFound(f"There is no template {template_id} in this image set.")
    return texts_of({name: getattr(found, name) for name in TEXTS})


def find(session: Session, actor: Actor, template_id: int) -> ExportTemplate:
    """A template of a set or a product that the actor may see."""
    found = session.get(ExportTemplate, template_id) if 0 < template_id < 2**63 else None
    missing = NotFound(f"There is no template {template_id} that you may see.")
    if found is None:
        raise missing
    try:
        if found.image_set_id is not None:
            Rights(session).require(actor, Right.VIEW, found.image_set_id)
        else:
            products.find(session, actor, found.product_id or 0)
    except NotFound:
        raise missing from None
    return found


def may_edit(session: Session, actor: Actor, found: ExportTemplate) -> bool:
    """Whether the actor may change a template: managers of its set, leads of the team of its product."""
    if found.image_set_id is not None:
        return Rights(session).decide(actor, Right.MANAGE, found.image_set_id).allowed
    led = products.led_teams(session, actor)
    return led is None or products.find(session, actor, found.product_id or 0).team_id in led


def create(
    session: Session,
    actor: Actor,
    values: dict[str, Any],
    *,
    image_set_id: int | None = None,
    product_id: int | None = None,
) -> ExportTemplate:
    """A template of a set, by its managers, or of a product, by those who may change it.

    Raises:
        TemplateFailure: A text is wrong; the message says which line of which.
    """
    if image_set_id is not None:
        Rights(session).require(actor, Right.MANAGE, image_set_id)
        owner = ExportTemplate.image_set_id == image_set_id
    else:
        products.find_to_edit(session, actor, product_id or 0)
        owner = ExportTemplate.product_id == product_id
    compiled(texts_of(values))
    if (session.scalar(select(func.count()).select_from(ExportTemplate).where(owner)) or 0) >= MOST_TEMPLATES:
        raise Conflict(f"There are {MOST_TEMPLATES} templates already; delete one that nobody needs.")
    if session.scalar(select(ExportTemplate.id).where(owner, ExportTemplate.name == values["name"])) is not None:
        raise Conflict(f"There is a template {values['name']!r} already; choose another name.")
    found = ExportTemplate(
        image_set_id=image_set_id, product_id=product_id, created_by_id=actor.user_id or None, **values
    )
    session.add(found)
    session.flush()
    return found


def change(session: Session, actor: Actor, template_id: int, values: dict[str, Any]) -> ExportTemplate:
    """Replace the texts of a template."""
    found = _find_to_edit(session, actor, template_id)
    compiled(texts_of(values))
    owner = (ExportTemplate.image_set_id == found.image_set_id) if found.image_set_id else (
        ExportTemplate.product_id == found.product_id
    )  # fmt: skip
    same = select(ExportTemplate.id).where(owner, ExportTemplate.name == values["name"], ExportTemplate.id != found.id)
    if session.scalar(same) is not None:
        raise Conflict(f"There is a template {values['name']!r} already; choose another name.")
    for name, value in values.items():
        setattr(found, name, value)
    found.changed_at = now()
    session.flush()
    return found


def delete(session: Session, actor: Actor, template_id: int) -> None:
    """Remove a template; files that it made stay."""
    session.delete(_find_to_edit(session, actor, template_id))


def texts_of(values: dict[str, Any]) -> TemplateTexts:
    """Values of a template as texts."""
    return TemplateTexts(**{name: value for name, value in values.items() if name != "description"})


def _find_to_edit(session: Session, actor: Actor, template_id: int) -> ExportTemplate:
    found = find(session, actor, template_id)
    if found.image_set_id is not None:
        Rights(session).require(actor, Right.MANAGE, found.image_set_id)
    else:
        products.find_to_edit(session, actor, found.product_id or 0)
    return found
