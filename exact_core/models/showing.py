"""Models as the API answers them, with what an actor may not know left out."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.errors import NotFound
from exact_core.auth.model_rights import ModelFacts, ModelRight, ModelRights
from exact_core.models.cards import open_facts, rendered
from exact_core.models.files import NETWORK
from exact_core.models.kinds import Kind, kind_of, kinds
from exact_core.models.schemas import (
    FigureOut,
    KindOut,
    ModelDeletedOut,
    ModelDetailOut,
    ModelFileOut,
    ModelOut,
    TeamOut,
    TrainedOnOut,
)
from exact_core.models.service import files_in
from exact_core.models.usage import counts
from exact_core.storage.models import Model, ModelFile, Team, Version

if TYPE_CHECKING:
    from exact_core.kernel.kernel import Kernel

_MOST_FIGURES = 6


def shown(kernel: Kernel, session: Session, actor: Actor, models: Sequence[Model]) -> list[ModelOut]:
    """Models of a list."""
    rights, names = ModelRights(session, actor), _Names(session, actor, models)
    return [ModelOut(**_facts(kernel, rights, names, model, _MOST_FIGURES)) for model in models]


def shown_whole(kernel: Kernel, session: Session, actor: Actor, model: Model) -> ModelDetailOut:
    """One model with its card and files."""
    rights = ModelRights(session, actor)
    facts = _facts(kernel, rights, _Names(session, actor, [model]), model, None)
    decision = rights.decide(ModelRight.OPEN, ModelFacts.of(model))
    files = [
        ModelFileOut(name=each.name, size_bytes=each.size_bytes, sha256=each.sha256, integrity=integrity(each.sha256))
        for each in files_in(session, model)
    ]
    return ModelDetailOut(
        **facts,
        card=dict(model.card) if decision.allowed else open_facts(model.card),
        card_text=model.card_text if decision.allowed else "",
        card_html=rendered(model.card_text) if decision.allowed else "",
        files=files,
        closed_reason="" if decision.allowed else decision.why,
    )


def shown_kind(kind: Kind) -> KindOut:
    """A kind of model."""
    card = kind.card
    return KindOut(
        name=kind.name,
        title=card.title,
        plugin=kind.plugin,
        task=card.task,
        summary=card.summary,
        labels=list(card.labels),
        is_built_in=card.is_built_in,
        built_in_uuid=kind.built_in_uuid if card.is_built_in else None,
        needs_gpu=card.needs_gpu,
        memory_mib=card.memory_mib,
        can_train=bool(card.train),
        has_driver=kind.has_driver,
        params=None if card.params is None else card.params.model_json_schema(),
    )


def integrity(sha256: str) -> str:
    """The checksum as browsers take it (W3C Subresource Integrity)."""
    return f"sha256-{base64.b64encode(bytes.fromhex(sha256)).decode()}"


class _Names:
    """Of the models of one answer: teams, versions that are still there, who has a network, runs; one query each."""

    def __init__(self, session: Session, actor: Actor, models: Sequence[Model]) -> None:
        teams = {model.team_id for model in models} - {None}
        versions = {model.version_id for model in models} - {None}
        self.teams = {row.id: row.name for row in session.execute(select(Team.id, Team.name).where(Team.id.in_(teams)))}
        live = select(Version.id).where(Version.id.in_(versions), Version.deleted_at.is_(None))
        self.versions = frozenset(session.scalars(live))
        ids = [model.id for model in models]
        networks = select(ModelFile.model_id).where(ModelFile.model_id.in_(ids), ModelFile.name == NETWORK)
        self.with_network = frozenset(session.scalars(networks))
        self.runs = counts(session, actor, [model.uuid for model in models])


def _facts(kernel: Kernel, rights: ModelRights, names: _Names, model: Model, most: int | None) -> dict[str, Any]:
    kind = kinds(kernel).get(model.kind)
    is_open = rights.may(ModelRight.OPEN, model)
    figures = model.figures[:most] if is_open else []
    return {
        "uuid": model.uuid,
        "name": model.name,
        "kind": model.kind,
        "kind_title": kind.card.title if kind else model.kind,
        "task": str(kind.card.task) if kind else None,
        "is_built_in": model.team_id is None,
        "unavailable_reason": _why_not(kernel, model, kind),
        "labels": list(model.labels),
        "has_network": model.id in names.with_network,
        "size_bytes": model.size_bytes,
        "sha256": model.sha256,
        "team": None if model.team_id is None else TeamOut(id=model.team_id, name=names.teams[model.team_id]),
        "trained_on": _trained_on(model, names),
        "parent_uuid": model.parent_uuid,
        "notes": model.notes if is_open else "",
        "is_pinned": model.is_pinned,
        "created_by": model.created_by_name,
        "created_at": model.created_at,
        "deleted": _deleted(model),
        "figures": [FigureOut(name=name, value=value, low=low, high=high) for name, value, low, high in figures],
        "run_count": names.runs.get(model.uuid, 0),
        "may_open": is_open,
        "may_change": rights.may(ModelRight.CHANGE, model),
    }


def _trained_on(model: Model, names: _Names) -> TrainedOnOut | None:
    if not model.image_set_name:
        return None
    is_live = model.version_id in names.versions
    return TrainedOnOut(
        image_set_id=model.image_set_id,
        image_set_name=model.image_set_name,
        version_id=model.version_id,
        version_name=model.version_name,
        is_version_deleted=bool(model.version_name) and not is_live,
    )


def _deleted(model: Model) -> ModelDeletedOut | None:
    if model.deleted_at is None:
        return None
    has_files = model.purged_at is None
    return ModelDeletedOut(
        at=model.deleted_at, by=model.deleted_by_name, reason=model.deleted_reason, has_files=has_files
    )


def _why_not(kernel: Kernel, model: Model, kind: Kind | None) -> str:
    if kind is None:
        try:
            kind_of(kernel, model.kind)
        except NotFound as error:
            return error.message
        return ""
    if not kind.has_driver:
        return f"The driver {kind.card.driver!r} of {model.kind} is not installed on this server."
    return ""
