"""``exact models``: list, show, import, export, pin and delete models."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from exact_core.models.command_parts import identity_of, in_words, say_all, team_of, told_of
from exact_core.versioning.command_parts import actor_of, say, set_of, version_of

if TYPE_CHECKING:
    from exact_core.services import Services

_USER = click.option("--user", "user_name", default="", help="Act with this account's rights and name.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_KIT = "exact_sdk.ml.commands"
_CONVERSIONS = {"convert": "convert", "convert-tfjs": "convert_tfjs"}


class _WithConversion(click.Group):
    """The commands of the core, and those that convert where the toolkit that reads foreign models is installed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *(_CONVERSIONS if _can_convert() else [])]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _CONVERSIONS:
            return super().get_command(ctx, cmd_name)
        if not _can_convert():
            raise click.UsageError(
                f"'exact models {cmd_name}' is a part of the toolkit: pip install 'exact-sdk[ml]'", ctx
            )
        command = getattr(importlib.import_module(_KIT), _CONVERSIONS[cmd_name])
        assert isinstance(command, click.Command)
        return command


def _can_convert() -> bool:
    return importlib.util.find_spec("exact_sdk") is not None and importlib.util.find_spec(_KIT) is not None


@click.group("models", cls=_WithConversion)
def group() -> None:
    """Models: what was trained here or brought in."""


@group.command("list")
@click.option("--set", "set_name", default="", help="Only those that learned from this image set.")
@click.option("--team", "team_name", default="", help="Team that owns the set; needed when several could.")
@click.option("--kind", default="", help="Only this kind; 'plugin.' for all of a plugin.")
@click.option("--deleted", is_flag=True, help="Those that were deleted instead.")
@_USER
@_JSON
def list_(set_name: str, team_name: str, kind: str, deleted: bool, user_name: str, as_json: bool) -> None:
    """List models, pinned ones first, then the newest."""
    from exact_core.models.built_in import keep_built_in
    from exact_core.models.service import Wanted, list_models
    from exact_core.models.showing import shown

    with _services() as services:
        keep_built_in(services)
        with services.database.read() as session:
            actor = actor_of(session, user_name)
            image_set_id = set_of(session, set_name, team_name) if set_name else None
            wanted = Wanted(kind=kind, image_set_id=image_set_id, deleted=deleted)
            found = list_models(session, actor, wanted, before=None, limit=1_000_000)
            told = [each.model_dump(mode="json") for each in shown(services.kernel, session, actor, found)]
    say_all(told, as_json)


@group.command("show")
@click.argument("model")
@_USER
@_JSON
def show(model: str, user_name: str, as_json: bool) -> None:
    """Show a MODEL, by its identity or its name, with its card and files."""
    with _services() as services, services.database.read() as session:
        actor = actor_of(session, user_name)
        told = told_of(services, session, actor, identity_of(session, actor, model))
    say(told, as_json, "\n".join(in_words(told)))


@group.command("import")
@click.argument("archive", type=click.Path(exists=True, path_type=Path))
@click.option("--set", "set_name", default="", help="The image set that it learned from.")
@click.option("--team", "team_name", default="", help="The team that it is for, or that owns the set.")
@click.option("--version", "version_name", default="", help="The version of the set that it was trained on.")
@click.option("--kind", default="", help="Full name of its kind; the card's when left out.")
@click.option("--name", default="", help="What people read; the card's when left out.")
@_USER
@_JSON
def import_(
    archive: Path,
    set_name: str,
    team_name: str,
    version_name: str,
    kind: str,
    name: str,
    user_name: str,
    as_json: bool,
) -> None:
    """Bring a model in: an ARCHIVE (.zip), or the folder itself. Every file is checked before anything is kept."""
    from exact_core.models.keeping import NewModel
    from exact_core.models.receiving import keep_archive, keep_folder

    with _services() as services:
        with services.database.read() as session:
            actor = actor_of(session, user_name)
            image_set_id = set_of(session, set_name, team_name) if set_name else None
            team_id = team_of(session, team_name) if team_name and image_set_id is None else None
            version_id = None
            if version_name:
                if image_set_id is None:
                    raise click.UsageError("--version needs the image set: --set.")
                version_id = version_of(session, actor, image_set_id, version_name).id
        new = NewModel(name, kind, image_set_id, team_id, version_id)
        kept = (keep_folder if archive.is_dir() else keep_archive)(services, actor, new, archive)
        with services.database.read() as session:
            told = told_of(services, session, actor, kept.uuid)
    what = "Kept" if kept.is_new else "The team has it already:"
    say(told, as_json, f"{what} {told['name']} ({told['kind']}), {told['uuid']}")


@group.command("export")
@click.argument("model")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The ZIP file.")
@_USER
@_JSON
def export(model: str, output: Path, user_name: str, as_json: bool) -> None:
    """Write a MODEL as an archive; the same bytes each time, and on every instance."""
    from exact_core.api.errors import NotFound
    from exact_core.auth.model_rights import ModelRight
    from exact_core.models import places
    from exact_core.models.archives import pack
    from exact_core.models.service import live_model

    with _services() as services:
        with services.database.read() as session:
            actor = actor_of(session, user_name)
            found = live_model(session, actor, identity_of(session, actor, model), ModelRight.OPEN)
            folder, uuid, name = places.files_of(services, found.uuid), found.uuid, found.name
        if not folder.is_dir():
            raise NotFound(f"The model {name!r} has no files on this machine; built-in models have none at all.")
        partial = output.with_name(f".{output.name}.part")  # nothing half-written stands under the name
        try:
            with partial.open("wb") as target:
                pack(folder, target)
            os.replace(partial, output)  # noqa: PTH105 - one step on the same disk
        finally:
            partial.unlink(missing_ok=True)
    say({"file": str(output), "uuid": uuid, "name": name}, as_json, f"Wrote {name} to {output}.")


@group.command("pin")
@click.argument("model")
@click.option("--off", is_flag=True, help="Take the pin out.")
@_USER
@_JSON
def pin(model: str, off: bool, user_name: str, as_json: bool) -> None:
    """Pin a MODEL: it comes first and cannot be deleted."""
    from exact_core.models.service import pin_model

    with _services() as services, services.database.write() as session:
        actor = actor_of(session, user_name)
        found = pin_model(session, actor, identity_of(session, actor, model), is_pinned=not off)
        told = told_of(services, session, actor, found.uuid)
    say(told, as_json, f"{told['name']} is {'not pinned any more' if off else 'pinned'}.")


@group.command("delete")
@click.argument("model")
@click.option("--reason", required=True, help="Why; it stays on record.")
@click.option("--permanently", is_flag=True, help="Remove its files now.")
@_USER
@_JSON
def delete(model: str, reason: str, permanently: bool, user_name: str, as_json: bool) -> None:
    """Delete a MODEL; its card stays, and predictions still name it."""
    from exact_core.models import places
    from exact_core.models.service import delete_model

    with _services() as services:
        with services.database.write() as session:
            actor = actor_of(session, user_name)
            found = delete_model(session, actor, identity_of(session, actor, model), reason, permanently=permanently)
            session.flush()
            told = told_of(services, session, actor, found.uuid)
        if permanently:
            services.blobs.remove(places.home_of(told["uuid"]))
    say(told, as_json, f"{told['name']} is deleted{', with its files' if permanently else ''}.")


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
