"""What the commands of models share: finding what is named, and telling it in words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from exact_core.api.context import Actor
    from exact_core.services import Services


def say_all(told: list[dict[str, Any]], as_json: bool) -> None:
    """Print many models."""
    if as_json:
        click.echo(json.dumps(told))
        return
    for each in told:
        first = next((f"{figure['name']} {figure['value']:.4g}" for figure in each["figures"]), "")
        mark = "*" if each["is_pinned"] else " "
        click.echo(f"{mark} {each['uuid']}  {each['kind']:<24} {each['name']}  {first}".rstrip())
    if not told:
        click.echo("No models.")


def in_words(told: dict[str, Any]) -> Iterator[str]:
    """A model as lines of text."""
    yield f"{told['name']} ({told['kind']}), {told['uuid']}"
    if told["labels"]:
        yield f"  classes: {', '.join(told['labels'])}"
    if told["trained_on"]:
        version = told["trained_on"]["version_name"]
        yield f"  learned from: {told['trained_on']['image_set_name']}{f', version {version}' if version else ''}"
    for figure in told["figures"]:
        ends = "" if figure["low"] is None else f" [{figure['low']:.4g}, {figure['high']:.4g}]"
        yield f"  {figure['name']}: {figure['value']:.4g}{ends}"
    for file in told["files"]:
        yield f"  {file['sha256'][:12]}  {file['size_bytes']:>12,}  {file['name']}"
    for reason in (told["unavailable_reason"], told["closed_reason"]):
        if reason:
            yield f"  {reason}"
    if told["deleted"]:
        yield f"  deleted by {told['deleted']['by']}: {told['deleted']['reason']}"


def told_of(services: Services, session: Session, actor: Actor, uuid: str) -> dict[str, Any]:
    """A model as JSON, as the actor may know it."""
    from exact_core.models.service import find_model
    from exact_core.models.showing import shown_whole

    return shown_whole(services.kernel, session, actor, find_model(session, actor, uuid)).model_dump(mode="json")


def identity_of(session: Session, actor: Actor, named: str) -> str:
    """The identity of a model that is named by it, or by the name that only one has."""
    from sqlalchemy import select

    from exact_core.api.errors import Conflict
    from exact_core.auth.model_rights import visible_models
    from exact_core.models.identities import canonical
    from exact_core.storage.models import Model

    if canonical(named):
        return canonical(named)
    found = session.scalars(select(Model.uuid).where(Model.name == named, visible_models(actor)).limit(2)).all()
    if len(found) > 1:
        raise Conflict(f"Several models are named {named!r}; say which by its identity: 'exact models list' has them.")
    return found[0] if found else named


def team_of(session: Session, name: str) -> int:
    """The number of a team by its name."""
    from sqlalchemy import select

    from exact_core.api.errors import NotFound
    from exact_core.auth.accounts import folded
    from exact_core.storage.models import Team

    team_id = session.scalar(select(Team.id).where(Team.folded_name == folded(name.strip())))
    if team_id is None:
        raise NotFound(f"There is no team {name!r}.")
    return team_id
