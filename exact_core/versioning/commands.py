"""``exact versions``: name the present state of an image set, list, show and compare such states, and write one out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from exact_core.annotations.scope import Can
    from exact_core.api.context import Actor
    from exact_core.services import Services
    from exact_core.storage.models import Version, VersionSplit

_SET = click.option("--set", "set_name", required=True, help="Name of the image set.")
_TEAM = click.option("--team", "team_name", default="", help="Team that owns the set; needed when several could.")
_USER = click.option("--user", "user_name", default="", help="Act with this account's rights and name.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_COUNTED = ("added", "removed", "changed", "geometry", "type", "attributes")
MANIFEST = "manifest"


@click.group("versions")
def group() -> None:
    """Versions of an image set: names for its state at one moment, which never changes."""


@group.command("create")
@click.argument("name")
@_SET
@_TEAM
@click.option("--description", default="", help="What the version is for.")
@_USER
@_JSON
def create(name: str, set_name: str, team_name: str, description: str, user_name: str, as_json: bool) -> None:
    """Make a version NAME of the set as it is now; its manifest is written by the next worker."""
    from exact_core.storage.unit_of_work import UnitOfWork
    from exact_core.versioning.service import create_version

    with _services() as services:
        with services.database.read() as session:
            actor = _actor(session, user_name)
            image_set_id = _set(session, set_name, team_name)
        with UnitOfWork(services.database, services.kernel.hooks, actor) as uow:
            version = create_version(services, uow, image_set_id, name, description)
            told = _told(uow.session, actor, [version])[0]
    _say(told, as_json, f"Version {told['name']} of {set_name}: revision {told['revision']}, {_holds(told)}.")


@group.command("list")
@_SET
@_TEAM
@click.option("--deleted", is_flag=True, help="Also those that were deleted.")
@_USER
@_JSON
def list_(set_name: str, team_name: str, deleted: bool, user_name: str, as_json: bool) -> None:
    """List the versions of a set, newest first."""
    from exact_core.versioning.service import list_versions

    with _services() as services, services.database.read() as session:
        actor = _actor(session, user_name)
        image_set_id = _set(session, set_name, team_name)
        _require_view(session, actor, image_set_id, set_name)
        told = _told(session, actor, list_versions(session, image_set_id, deleted=deleted))
    if as_json:
        click.echo(json.dumps(told))
    for each in () if as_json else told:
        gone = f"  deleted: {each['deleted']['reason']}" if each["deleted"] else ""
        click.echo(f"{each['name']:<32} {each['created_at'][:16]}  r{each['revision']:<8} {_holds(each)}{gone}")


@group.command("show")
@click.argument("version_name", metavar="VERSION")
@_SET
@_TEAM
@click.option("--check", is_flag=True, help="Read all annotations again and compare them with the manifest.")
@_USER
@_JSON
def show(version_name: str, set_name: str, team_name: str, check: bool, user_name: str, as_json: bool) -> None:
    """Show one version: who made it and when, its hashes, images, types and files."""
    from exact_core.annotations.access import rights_in
    from exact_core.auth.rights import Right
    from exact_core.versioning.access import open_version
    from exact_core.versioning.artefacts import artefacts_of
    from exact_core.versioning.manifest_job import check_version
    from exact_core.versioning.showing import frozen_types, images_page, shown_artefact
    from exact_core.versioning.splits.service import splits_of

    with _services() as services:
        with services.database.read() as session:
            actor = _actor(session, user_name)
            version = _version(session, actor, _set(session, set_name, team_name), version_name)
            can = rights_in(session)
            opened = open_version(session, actor, version.id, can)
            told = _told(session, actor, [version])[0]
            names = can(actor, Right.PRIVATE_NAMES, version.image_set_id)
            told["images"] = [
                image.model_dump(mode="json")
                for image in images_page(session, opened, "", 2**31 - 2, with_checksums=names)[0]
            ]
            told["annotation_types"] = frozen_types(opened)
            files = artefacts_of(session, version.id) if opened.sees_all else []
            told["splits"] = [_split_told(session, version.id, each) for each in splits_of(session, version.id)]
            told["artefacts"] = [shown_artefact(each).model_dump(mode="json") for each in files]
            version_id = version.id
        if check:
            found = check_version(services, version_id, deep=True)
            told["check"] = {name: getattr(found, name) for name in ("file", "signature", "annotations", "holds")}
    manifest = told["manifest"]
    words = [
        f"{told['name']}, made {told['created_at']} by {told['creator']['name'] or 'the system'}",
        *([told["description"]] if told["description"] else []),
        f"  revision      {told['revision']}",
        f"  holds         {_holds(told)}, {len(told['annotation_types'])} types, {len(told['artefacts'])} files",
        f"  content hash  {told['content_digest']}",
        f"  manifest      {manifest['state']} {manifest['digest']}".rstrip(),
    ]
    if check:
        words.append(f"  check         {'holds' if told['check']['holds'] else 'DOES NOT HOLD'}")
    _say(told, as_json, "\n".join(words))
    if check and not told["check"]["holds"]:
        raise SystemExit(1)


@group.command("split")
@click.argument("version_name", metavar="VERSION")
@click.argument("name")
@_SET
@_TEAM
@click.option("--group-by", default="", help="Kind of tag whose images stay together: patient for patient:12.")
@click.option(
    "--share", "shares", multiple=True, metavar="PART=SHARE", help="Default: train=70, validation=15, test=15."
)
@click.option("--seed", default="", help="Deals groups of one size; NAME when left out.")
@_USER
@_JSON
def split(
    version_name: str,
    name: str,
    set_name: str,
    team_name: str,
    group_by: str,
    shares: tuple[str, ...],
    seed: str,
    user_name: str,
    as_json: bool,
) -> None:
    """Deal the images of VERSION out to parts, once and for all, as the split NAME."""
    from exact_core.versioning.splits.service import create_split

    wanted = _shares(shares or ("train=70", "validation=15", "test=15"))
    with _services() as services, services.database.write() as session:
        actor = _actor(session, user_name)
        version = _version(session, actor, _set(session, set_name, team_name), version_name)
        made = create_split(session, actor, version.id, name, group_by=group_by, shares=wanted, seed=seed)
        told = _split_told(session, version.id, made)
    parts = ", ".join(f"{part['name']} {len(part['image_ids']):,}" for part in told["parts"])
    _say(told, as_json, f"Split {name} of {version_name}: {parts}; {len(told['leaks'])} leaks.")


def _shares(given: tuple[str, ...]) -> dict[str, float]:
    shares: dict[str, float] = {}
    for each in given:
        part, equals, share = each.partition("=")
        try:
            shares[part] = float(share)
        except ValueError:
            shares[part] = 0
        if not (equals and part and 0 < shares[part] < float("inf")):
            raise click.UsageError(f"--share {each!r} is not PART=SHARE with a share above 0, as in train=70.")
    return shares


def _split_told(session: Session, version_id: int, made: VersionSplit) -> dict[str, Any]:
    from exact_core.versioning.splits.service import images_of, told

    found = told(images_of(session, version_id), made)
    return {**found, "created_at": found["created_at"].isoformat()}


@group.command("diff")
@click.argument("before", metavar="FROM")
@click.argument("after", metavar="[TO]", default="now", required=False)
@_SET
@_TEAM
@click.option("--annotations", is_flag=True, help="With each annotation that differs, and both of its states.")
@_USER
@_JSON
def diff(
    before: str, after: str, set_name: str, team_name: str, annotations: bool, user_name: str, as_json: bool
) -> None:
    """Compare the versions FROM and TO; TO is the present when it is left out."""
    from exact_core.annotations.access import rights_in
    from exact_core.versioning import comparing
    from exact_core.versioning import diff as differences

    with _services() as services, services.database.read() as session:
        actor = _actor(session, user_name)
        image_set_id = _set(session, set_name, team_name)
        _require_view(session, actor, image_set_id, set_name)
        sides = [
            name if name == comparing.NOW else str(_version(session, actor, image_set_id, name).id)
            for name in (before, after)
        ]
        found = comparing.compare(session, actor, image_set_id, sides[0], sides[1], rights_in(session))
        told = comparing.numbers_json(session, found)
        if annotations:
            asked = found.range_of()
            told["annotations"] = [
                comparing.difference_json(each, geometry=True)
                for each in differences.differences(session, asked, differences.changed_ids(session, asked))
            ]
    _say(told, as_json, "\n".join(_difference_in_words(told)))


@group.command("export")
@click.argument("version_name", metavar="VERSION")
@_SET
@_TEAM
@click.option("--image", "image_name", default="", help="Only this image, by its public name.")
@click.option("--format", "format_name", required=True, help=f"Format of the file; '{MANIFEST}' is the signed list.")
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="File to write.")
@_USER
@_JSON
@click.pass_context
def export(context: click.Context, /, version_name: str, output: Path, format_name: str, **asked: Any) -> None:
    """Write the annotations of a version to a file: the same bytes each time."""
    if format_name != MANIFEST:
        from exact_core.exchange.commands import export as write_out

        context.invoke(write_out, version_name=version_name, format_name=format_name, output=output, **asked)
        return
    if asked["image_name"]:
        raise click.UsageError("A manifest is of the whole set; leave --image out.")
    with _services() as services:
        told = _copy_manifest(services, version_name, output, asked)
    _say(told, asked["as_json"], f"{output} (manifest): SHA-256 of its lines {told['digest']}")


def _copy_manifest(services: Services, version_name: str, output: Path, asked: dict[str, Any]) -> dict[str, Any]:
    """Give out the signed list, for those who may export and see everything."""
    import os
    import shutil

    from exact_core.annotations.access import rights_in
    from exact_core.api.errors import Conflict, NotFound
    from exact_core.auth.rights import Right, Rights
    from exact_core.versioning.access import require_all

    with services.database.read() as session:
        actor = _actor(session, asked["user_name"])
        version = _version(session, actor, _set(session, asked["set_name"], asked["team_name"]), version_name)
        Rights(session).require(actor, Right.EXPORT, version.image_set_id)
        require_all(session, actor, version.image_set_id, rights_in(session))
        told = _told(session, actor, [version])[0]
        path = services.blobs.path(version.manifest_path) if version.manifest_state == "ready" else None
    if path is None:
        manifest = told["manifest"]
        raise Conflict(f"The manifest is {manifest['state']}; a worker writes it. {manifest['reason']}".strip())
    if not path.is_file():
        raise NotFound("The file of the manifest is missing on the server; an administrator can restore it.")
    partial = output.with_name(f".{output.name}.part")  # nothing half-written stands under the name
    try:
        shutil.copyfile(path, partial)
        os.replace(partial, output)  # noqa: PTH105 - one step on the same disk
    finally:
        partial.unlink(missing_ok=True)
    return {"file": str(output), "format": MANIFEST, "version": told["name"], **told["manifest"]}


def _difference_in_words(told: dict[str, Any]) -> Iterator[str]:
    sides = [f"{side['name'] or 'now'} (r{side['revision']})" for side in (told["from"], told["to"])]
    yield " -> ".join(sides)
    yield "  " + ", ".join(f"{told['total'][name]:,} {name}" for name in _COUNTED[:3])
    for kind in told["types"]:
        yield f"  {kind['name'] or 'a type that is gone':<28} " + ", ".join(
            f"{kind[name]:,} {name}" for name in _COUNTED if kind[name]
        )
    for each in told["relabelled"]:
        yield f"  {each['from_name']} -> {each['to_name']}: {each['count']:,}"
    for word, name in (("came", "images_added"), ("went", "images_removed")):
        if told[name]:
            yield f"  images that {word}: " + ", ".join(image["name"] for image in told[name])


def _holds(told: dict[str, Any]) -> str:
    count = told["annotation_count"]
    return f"{told['image_count']:,} images" + ("" if count is None else f", {count:,} annotations")


def _say(told: dict[str, Any], as_json: bool, words: str) -> None:
    click.echo(json.dumps(told) if as_json else words)


@contextmanager
def _services() -> Iterator[Services]:
    from exact_core.app import close_services, open_services
    from exact_core.settings import Settings

    services = open_services(Settings())
    try:
        yield services
    finally:
        close_services(services)


def _actor(session: Session, name: str) -> Actor:
    from exact_core.exchange.commands import acting

    return acting(session, name)


def _can(session: Session) -> Can:
    from exact_core.annotations.access import rights_in

    return rights_in(session)


def _set(session: Session, set_name: str, team_name: str) -> int:
    from exact_core.imagesets.finding import find_by_name

    return find_by_name(session, set_name, team_name).id


def _require_view(session: Session, actor: Actor, image_set_id: int, set_name: str) -> None:
    from exact_core.api.errors import NotFound

    if not _can(session)(actor, "view", image_set_id):
        raise NotFound(f"There is no image set {set_name!r} that you may see.")


def _version(session: Session, actor: Actor, image_set_id: int, name: str) -> Version:
    """A version by its name, or by its number where no name is that."""
    from exact_core.api.errors import NotFound
    from exact_core.versioning.access import live_version
    from exact_core.versioning.service import newest

    found = newest(session, image_set_id, name)
    if found is None and name.isdecimal() and name.isascii():
        found = live_version(session, actor, int(name[:19]))
    if found is None or found.image_set_id != image_set_id or not _can(session)(actor, "view", image_set_id):
        raise NotFound(f"There is no version {name!r} in this image set; 'exact versions list' names them.")
    return found


def _told(session: Session, actor: Actor, versions: Any) -> list[dict[str, Any]]:
    from exact_core.versioning.showing import shown

    session.flush()
    return [each.model_dump(mode="json") for each in shown(session, actor, versions, _can(session))]
