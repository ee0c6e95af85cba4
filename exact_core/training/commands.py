"""``exact train``: start trainings from versions, wait for them, and read what became of them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from exact_core.versioning.command_parts import actor_of, can_in, say, set_of, version_of

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from exact_core.api.context import Actor
    from exact_core.services import Services
    from exact_core.training.runs import ClassWanted

_SET = click.option("--set", "set_name", required=True, help="Name of the image set.")
_TEAM = click.option("--team", "team_name", default="", help="Team that owns the set; needed when several could.")
_USER = click.option("--user", "user_name", default="", help="Act with this account's rights and name.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_SECONDS_BETWEEN_LOOKS = 0.3


@click.group("train")
def group() -> None:
    """Train models from versions of image sets, and read how good they are."""


@group.command("start")
@click.argument("version_name", metavar="VERSION")
@_SET
@_TEAM
@click.option("--kind", required=True, help="Kind of model, such as core.objects.")
@click.option("--name", required=True, help="What the model will be called.")
@click.option("--split", "split_name", required=True, help="A split of the version with the parts train and test.")
@click.option(
    "--class",
    "classes",
    multiple=True,
    required=True,
    help="LABEL=TYPE,TYPE: a class and the annotation types that count as it; TYPE alone is a class by itself.",
)
@click.option("--setting", "settings", multiple=True, help="NAME=VALUE, the value as JSON or text.")
@click.option("--wait", is_flag=True, help="Do the work here when no worker does, and wait for its end.")
@_USER
@_JSON
def start(
    version_name: str,
    set_name: str,
    team_name: str,
    kind: str,
    name: str,
    split_name: str,
    classes: tuple[str, ...],
    settings: tuple[str, ...],
    wait: bool,
    user_name: str,
    as_json: bool,
) -> None:
    """Train a model from VERSION."""
    from exact_core.api.errors import NotFound
    from exact_core.training import runs
    from exact_core.versioning.freezing import frozen_of
    from exact_core.versioning.splits.service import splits_of

    with _services() as services:
        with services.database.write() as session:
            actor = actor_of(session, user_name)
            version = version_of(session, actor, set_of(session, set_name, team_name), version_name)
            split = next((each for each in splits_of(session, version.id) if each.name == split_name), None)
            if split is None:
                raise NotFound(
                    f"The version {version.name!r} has no split {split_name!r}; 'exact versions split' makes one."
                )
            types = {type_name: id_ for id_, type_name in frozen_of(session, version.id).type_names.items()}
            wanted = runs.Wanted(
                kind, name, tuple(_class(each, types) for each in classes), split.id, _settings(settings)
            )
            run_id = runs.start(services, session, actor, version.id, wanted).id
        if wait:
            _wait(services, actor, run_id, quiet=as_json)
        with services.database.read() as session:
            told = _told(services, session, actor, run_id)
    say(told, as_json, _words(told))
    if wait and told["state"] != "done":
        raise SystemExit(1)


@group.command("list")
@click.argument("version_name", metavar="VERSION")
@_SET
@_TEAM
@_USER
@_JSON
def list_(version_name: str, set_name: str, team_name: str, user_name: str, as_json: bool) -> None:
    """List the trainings of VERSION, newest first."""
    from exact_core.training.runs import runs_of

    with _services() as services, services.database.read() as session:
        actor = actor_of(session, user_name)
        version = version_of(session, actor, set_of(session, set_name, team_name), version_name)
        ids = [run.id for run, _ in runs_of(session, actor, version.id, can_in(session))]
        told = [_told(services, session, actor, run_id, curves=False) for run_id in ids]
    if as_json:
        click.echo(json.dumps(told))
    for each in () if as_json else told:
        click.echo(f"{each['id']:>6}  {each['state'] or 'gone':<9}  {each['name']:<32} {each['kind']}")


@group.command("show")
@click.argument("training_id", type=int)
@_USER
@_JSON
def show(training_id: int, user_name: str, as_json: bool) -> None:
    """Show one training: how it went, and how good the model is."""
    with _services() as services, services.database.read() as session:
        told = _told(services, session, actor_of(session, user_name), training_id)
    say(told, as_json, _words(told))


def _class(given: str, types: dict[str, int]) -> ClassWanted:
    from exact_core.training.runs import ClassWanted

    label, equals, names = given.partition("=")
    wanted = [name.strip() for name in (names if equals else label).split(",")]
    for name in wanted:
        if name not in types:
            raise click.UsageError(f"--class {given!r}: the version has no annotation type {name!r}.")
    return ClassWanted(label.strip(), tuple(types[name] for name in wanted))


def _settings(given: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not (name and equals):
            raise click.UsageError(f"--setting {each!r} is not NAME=VALUE.")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def _wait(services: Services, actor: Actor, run_id: int, *, quiet: bool) -> None:
    """Help out until the training has ended, telling how far it is."""
    from exact_core.jobs.helping import helping_worker

    last = ""
    with helping_worker(services):
        while True:
            with services.database.read() as session:
                told = _told(services, session, actor, run_id, curves=False)
            line = f"{told['progress']:4.0%}  {told['message']}"
            if line != last and not quiet:
                click.echo(line, err=True)
                last = line
            if told["state"] not in ("queued", "running"):
                return
            time.sleep(_SECONDS_BETWEEN_LOOKS)


def _told(services: Services, session: Session, actor: Actor, run_id: int, *, curves: bool = True) -> dict[str, Any]:
    from exact_core.training.runs import find_run
    from exact_core.training.showing import shown_detail, shown_training

    run, job = find_run(session, actor, run_id, can_in(session))
    shown = shown_detail(services.kernel, session, run, job) if curves else shown_training(services.kernel, run, job)
    return shown.model_dump(mode="json")


def _words(told: dict[str, Any]) -> str:
    lines = [
        f"{told['name']} ({told['title']}), training {told['id']}: {told['state'] or 'its job is gone'}",
        f"  classes  {', '.join(each['label'] for each in told['classes'])}",
        f"  split    {told['split_name']}",
    ]
    if told["message"] and told["state"] != "done":
        lines.append(f"  message  {told['message']}")
    if told["model_uuid"]:
        lines.append(f"  model    {told['model_uuid']}")
    for each in told["evaluations"]:
        figures = each["figures"]
        overall = ", ".join(f"{name} {_figure(found)}" for name, found in figures["overall"].items())
        lines.append(f"  {each['part']:<10} {figures['samples']:,} samples: {overall}")
    return "\n".join(lines)


def _figure(found: dict[str, float | None]) -> str:
    if found["value"] is None:
        return "-"
    ends = "" if found["low"] is None else f" [{found['low']:.2f}, {found['high']:.2f}]"
    return f"{found['value']:.2f}{ends}"


@contextmanager
def _services() -> Iterator[Services]:
    """The parts of the instance that the environment names, closed again afterwards."""
    from exact_core.opening import close_services, open_services
    from exact_core.settings import Settings

    services = open_services(Settings())
    try:
        yield services
    finally:
        close_services(services)
