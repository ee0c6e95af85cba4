"""Rows of built-in models: made when somebody first looks for models or runs one, so that predictions can name them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from exact_core.models.kinds import Kind, kinds
from exact_core.storage.models import Model

if TYPE_CHECKING:
    from exact_core.services import Services


def keep_built_in(services: Services) -> None:
    """Make the rows that are missing; costs one query when there are all."""
    wanted = {each.built_in_uuid: each for each in kinds(services.kernel).values() if each.card.is_built_in}
    with services.database.read() as session:
        known = set(session.scalars(select(Model.uuid).where(Model.uuid.in_(list(wanted)))))
    for uuid, kind in wanted.items():
        if uuid not in known:
            _keep(services, uuid, kind)


def _keep(services: Services, uuid: str, kind: Kind) -> None:
    record = services.kernel.records.get(kind.plugin)
    card = {
        "plugin": kind.plugin,
        "plugin_version": record.version if record else "",
        "intended_use": kind.card.summary,
    }
    with services.database.write() as session:
        try:
            with session.begin_nested():
                session.add(
                    Model(uuid=uuid, name=kind.card.title, kind=kind.name, labels=list(kind.card.labels), card=card)
                )
        except IntegrityError:  # another process was quicker
            return
