"""``exact annotations``: bring annotations in from files, and write them out."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from exact_core.api.context import Actor
    from exact_core.services import Services

_SET = click.option("--set", "set_name", required=True, help="Name of the image set.")
_TEAM = click.option("--team", "team_name", default="", help="Team that owns the set; needed when several could.")
_IMAGE = click.option("--image", "image_name", default="", help="Only this image, by its public name.")
_USER = click.option("--user", "user_name", default="", help="Act with this account's rights and name.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group("annotations")
def group() -> None:
    """Import and export annotations."""


@group.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_SET
@_TEAM
@_IMAGE
@click.option("--format", "format_name", default="", help="Format of the file; found out when left out.")
@click.option("--label", "labels", multiple=True, metavar="LABEL=TYPE", help="The annotation type of a label.")
@click.option("--update", is_flag=True, help="Annotations that are there already get the file's state.")
@click.option("--skip-bad", is_flag=True, help="Leave out shapes that cannot be kept, instead of refusing all.")
@_USER
@_JSON
def import_(
    file: Path,
    set_name: str,
    team_name: str,
    image_name: str,
    format_name: str,
    labels: tuple[str, ...],
    update: bool,
    skip_bad: bool,
    user_name: str,
    as_json: bool,
) -> None:
    """Import the annotations of FILE: all of them or none, as one revision of the image set."""
    from exact_core.exchange.importing import import_file
    from exact_core.exchange.plugin_formats import format_in, formats_in
    from exact_core.exchange.slide_files import SlideFiles
    from exact_core.exchange.storing import Options, Target

    options = Options(labels=_pairs(labels), on_duplicate="update" if update else "skip", skip_bad=skip_bad)
    with _services() as services:
        with services.database.read() as session:
            actor = acting(session, user_name)
            image_set_id, image_id = _place(session, set_name, team_name, image_name)
        formats = formats_in(services.kernel, image_set_id)
        chosen = format_in(services.kernel, image_set_id, format_name) if format_name else None
        target = Target(
            services.database, services.kernel.hooks, actor, image_set_id, image_id, file.name, SlideFiles(services)
        )
        with file.open("rb") as stream:
            content, stored = import_file(target, stream, options, formats, chosen=chosen)
    answer = {
        "file": str(file),
        "format": content.format,
        "shapes": content.shapes,
        "added": stored.added,
        "updated": stored.updated,
        "unchanged": stored.unchanged,
        "skipped": stored.skipped,
        "left_out": stored.left_out,
        "revisions": stored.revisions,
        **stored.report.to_json(),
    }
    _tell(answer, as_json, f"{file.name} ({content.format}): {stored.added:,} added, {stored.updated:,} updated.")


@group.command("export")
@_SET
@_TEAM
@_IMAGE
@click.option("--version", "version_name", default="", help="As of this version; as it is now when left out.")
@click.option("--format", "format_name", required=True, help="Format of the file.")
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="File to write.")
@_USER
@_JSON
def export(
    set_name: str,
    team_name: str,
    image_name: str,
    version_name: str,
    format_name: str,
    output: Path,
    user_name: str,
    as_json: bool,
) -> None:
    """Write annotations to a file; several images of a format of single images become an archive."""
    from exact_core.exchange.document import Report
    from exact_core.exchange.exporting import Wanted, open_document, write_export
    from exact_core.exchange.plugin_formats import format_in
    from exact_core.exchange.slide_files import SlideFiles

    report = Report()
    with _services() as services:
        with services.database.read() as session:
            actor = acting(session, user_name)
            image_set_id, image_id = _place(session, set_name, team_name, image_name)
            version_id = _version(session, image_set_id, version_name)
        chosen = format_in(services.kernel, image_set_id, format_name)
        images = None if image_id is None else (image_id,)
        document = open_document(
            services.database, actor, Wanted(image_set_id, images, version_id=version_id), SlideFiles(services)
        )
        partial = output.with_name(f".{output.name}.part")  # nothing half-written stands under the name
        try:
            with partial.open("wb") as target:
                write_export(document, chosen, target, report)
            os.replace(partial, output)  # noqa: PTH105 - one step on the same disk
        finally:
            partial.unlink(missing_ok=True)
    answer = {"file": str(output), "format": chosen.name, "images": len(document.images), **document.facts}
    _tell({**answer, **report.to_json()}, as_json, f"{output} ({chosen.title}): {len(document.images):,} images.")


def _tell(answer: dict[str, Any], as_json: bool, words: str) -> None:
    if as_json:
        click.echo(json.dumps(answer))
        return
    click.echo(words)
    for loss in answer["losses"]:
        click.echo(f"  not carried over ({loss['count']:,}): {loss['what']}")
    for warning in answer["warnings"]:
        click.echo(f"  note: {warning}")


def _pairs(labels: tuple[str, ...]) -> dict[str, int | str | None]:
    pairs: dict[str, int | str | None] = {}
    for each in labels:
        label, equals, name = each.rpartition("=")
        if not equals:
            raise click.UsageError(f"--label {each!r} has no '='; say LABEL=TYPE, or LABEL= to leave such shapes out.")
        pairs[label] = name or None
    return pairs


@contextmanager
def _services() -> Iterator[Services]:
    from exact_core.opening import close_services, open_services
    from exact_core.settings import Settings

    services = open_services(Settings())
    try:
        yield services
    finally:
        close_services(services)


def acting(session: Session, name: str) -> Actor:
    """Who a command works for: an active account, or the system when no name is given."""
    from sqlalchemy import select

    from exact_core.api.context import Actor
    from exact_core.api.errors import NotFound
    from exact_core.auth.accounts import folded
    from exact_core.storage.models import User

    if not name:
        return Actor.system()
    user = session.scalars(select(User).where(User.folded_name == folded(name), User.is_active)).first()
    if user is None:
        raise NotFound(f"There is no active account {name!r}.")
    return Actor(user.id, user.name, display_name=user.display_name, is_admin=user.is_admin)


def _place(session: Session, set_name: str, team_name: str, image_name: str) -> tuple[int, int | None]:
    from sqlalchemy import select

    from exact_core.api.errors import NotFound
    from exact_core.imagesets.finding import find_by_name
    from exact_core.storage.models import Image

    image_set = find_by_name(session, set_name, team_name)
    if not image_name:
        return image_set.id, None
    own = (Image.image_set_id == image_set.id, Image.name == image_name, Image.deleted_at.is_(None))
    image_id = session.scalar(select(Image.id).where(*own))
    if image_id is None:
        raise NotFound(f"There is no image {image_name!r} in {set_name!r}.")
    return image_set.id, image_id


def _version(session: Session, image_set_id: int, name: str) -> int | None:
    from sqlalchemy import select

    from exact_core.api.errors import NotFound
    from exact_core.storage.models import Version

    if not name:
        return None
    own = (Version.image_set_id == image_set_id, Version.name == name, Version.deleted_at.is_(None))
    version = session.scalars(select(Version).where(*own)).first()
    if version is None:
        raise NotFound(f"There is no version {name!r} in this image set.")
    return version.id
