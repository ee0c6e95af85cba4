"""What was changed of annotation types, by whom and why; old names still find the type."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from exact_core.storage.models import AnnotationType, AnnotationTypeHistory, User

WATCHED = (
    "name",
    "description",
    "shapes",
    "color",
    "key",
    "default_width",
    "default_height",
    "default_unit",
    "attributes",
    "is_active",
    "parent_id",
    "external_id",
    "rank",
    "merged_into_id",
)
"""What the history tells of."""


def values_of(kind: AnnotationType) -> dict[str, Any]:
    """What can change of a type."""
    return {name: getattr(kind, name) for name in WATCHED}


def record(
    session: Session, kind: AnnotationType, before: Mapping[str, Any], actor_id: int | None, reason: str, action: str
) -> None:
    """Write down how a type differs from what it was; nothing when it does not."""
    now = values_of(kind)
    changed = [name for name in WATCHED if before[name] != now[name]]
    if changed:
        session.add(
            AnnotationTypeHistory(
                type_id=kind.id,
                action=action,
                before={name: before[name] for name in changed},
                after={name: now[name] for name in changed},
                actor_id=actor_id or None,
                reason=reason,
            )
        )
        session.flush()


def page(
    session: Session, condition: ColumnElement[bool], *, cursor: int | None, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """Changes of the types that a condition on ``AnnotationType`` names, newest first."""
    entry = AnnotationTypeHistory
    statement = (
        select(entry, AnnotationType.name, User.display_name, User.name)
        .join(AnnotationType, AnnotationType.id == entry.type_id)
        .outerjoin(User, User.id == entry.actor_id)
        .where(condition)
        .order_by(entry.id.desc())
        .limit(limit + 1)
    )
    if cursor is not None:
        statement = statement.where(entry.id < cursor)
    found = session.execute(statement).all()
    items = [
        {
            "id": change.id,
            "type_id": change.type_id,
            "type_name": type_name,
            "action": change.action,
            "before": change.before,
            "after": change.after,
            "by": None if change.actor_id is None else {"id": change.actor_id, "name": display_name or name},
            "at": change.at,
            "reason": change.reason,
        }
        for change, type_name, display_name, name in found[:limit]
    ]
    return items, str(items[-1]["id"]) if len(found) > limit else None


def old_names(session: Session, type_ids: Iterable[int]) -> dict[int, list[str]]:
    """Names that types had before, newest first."""
    entry = AnnotationTypeHistory
    statement = select(entry.type_id, entry.before).where(entry.type_id.in_(list(type_ids))).order_by(entry.id.desc())
    names: dict[int, list[str]] = defaultdict(list)
    for type_id, before in session.execute(statement):
        name = before.get("name")
        if isinstance(name, str) and name not in names[type_id]:
            names[type_id].append(name)
    return dict(names)
