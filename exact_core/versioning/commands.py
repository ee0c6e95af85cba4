"""``exact versions``: name the present state of an image set, list, show and compare such states, branch and merge."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from exact_core.versioning.command_parts import (
    MANIFEST,
    actor_of,
    can_in,
    copy_manifest,
    difference_in_words,
    holds,
    require_view,
    say,
    set_of,
    shares_of,
    split_told,
    told_of,
    verified,
    version_of,
)

if TYPE_CHECKING:
    from exact_core.services import Services

_SET = click.option("--set", "set_name", required=True, help="Name of the image set.")
_TEAM = click.option("--team", "team_name", default="", help="Team that owns the set; needed when several could.")
_USER = click.option("--user", "user_name", default="", help="Act with this account's rights and name.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


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
            actor = actor_of(session, user_name)
            image_set_id = set_of(session, set_name, team_name)
        with UnitOfWork(services.database, services.kernel.hooks, actor) as uow:
            version = create_version(services, uow, image_set_id, name, description)
            told = told_of(uow.session, actor, [version])[0]
    say(told, as_json, f"Version {told['name']} of {set_name}: revision {told['revision']}, {holds(told)}.")


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
        actor = actor_of(session, user_name)
        image_set_id = set_of(session, set_name, team_name)
        require_view(session, actor, image_set_id, set_name)
        told = told_of(session, actor, list_versions(session, image_set_id, deleted=deleted))
    if as_json:
        click.echo(json.dumps(told))
    for each in () if as_json else told:
        gone = f"  deleted: {each['deleted']['reason']}" if each["deleted"] else ""
        click.echo(f"{each['name']:<32} {each['created_at'][:16]}  r{each['revision']:<8} {holds(each)}{gone}")


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
    from exact_core.versioning.verified import counted

    with _services() as services:
        with services.database.read() as session:
            actor = actor_of(session, user_name)
            version = version_of(session, actor, set_of(session, set_name, team_name), version_name)
            can = rights_in(session)
            opened = open_version(session, actor, version.id, can)
            told = told_of(session, actor, [version])[0]
            names = can(actor, Right.PRIVATE_NAMES, version.image_set_id)
            told["images"] = [
                image.model_dump(mode="json")
                for image in images_page(session, opened, "", 2**31 - 2, with_checksums=names)[0]
            ]
            told["annotation_types"] = frozen_types(opened)
            told["verifications"] = counted(session, actor, version, can)
            files = artefacts_of(session, version.id) if opened.sees_all else []
            told["splits"] = [split_told(session, version.id, each) for each in splits_of(session, version.id)]
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
        f"  holds         {holds(told)}, {len(told['annotation_types'])} types, {len(told['artefacts'])} files",
        f"  verified      {verified(told)}",
        f"  content hash  {told['content_digest']}",
        f"  manifest      {manifest['state']} {manifest['digest']}".rstrip(),
    ]
    if check:
        words.append(f"  check         {'holds' if told['check']['holds'] else 'DOES NOT HOLD'}")
    say(told, as_json, "\n".join(words))
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

    wanted = shares_of(shares or ("train=70", "validation=15", "test=15"))
    with _services() as services, services.database.write() as session:
        actor = actor_of(session, user_name)
        version = version_of(session, actor, set_of(session, set_name, team_name), version_name)
        made = create_split(session, actor, version.id, name, group_by=group_by, shares=wanted, seed=seed)
        told = split_told(session, version.id, made)
    parts = ", ".join(f"{part['name']} {len(part['image_ids']):,}" for part in told["parts"])
    say(told, as_json, f"Split {name} of {version_name}: {parts}; {len(told['leaks'])} leaks.")


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
        actor = actor_of(session, user_name)
        image_set_id = set_of(session, set_name, team_name)
        require_view(session, actor, image_set_id, set_name)
        sides = [
            name if name == comparing.NOW else str(version_of(session, actor, image_set_id, name).id)
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
    say(told, as_json, "\n".join(difference_in_words(told)))


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
        told = copy_manifest(services, version_name, output, asked)
    say(told, asked["as_json"], f"{output} (manifest): SHA-256 of its lines {told['digest']}")


@group.command("branch")
@click.argument("version_name", metavar="VERSION")
@click.argument("name")
@_SET
@_TEAM
@click.option("--description", default="", help="What is tried out in it.")
@click.option(
    "--mode",
    type=click.Choice(["cooperative", "competitive", "second_opinion"]),
    help="How people work together in it.  [default: cooperative; that of the set while it is blind]",
)
@_USER
@_JSON
def branch(
    version_name: str,
    name: str,
    set_name: str,
    team_name: str,
    description: str,
    mode: str | None,
    user_name: str,
    as_json: bool,
) -> None:
    """Make the image set NAME as a branch of VERSION, with its images and annotations."""
    from exact_core.storage.unit_of_work import UnitOfWork
    from exact_core.versioning.branches.making import create_branch, fill_in

    with _services() as services:
        with services.database.read() as session:
            actor = actor_of(session, user_name)
            version_id = version_of(session, actor, set_of(session, set_name, team_name), version_name).id
        with UnitOfWork(services.database, services.kernel.hooks, actor) as uow:
            made = create_branch(
                services, uow.session, actor, version_id, name, description=description, mode=mode or "", by_job=False
            )
            told = {"name": name.strip(), **fill_in(services, uow, made.image_set_id)}
    count = f"{told['images']:,} images, {told['annotations']:,} annotations"
    say(told, as_json, f"Branch {told['name']} of {set_name}, {version_name}: {count}.")


@group.command("merge")
@click.argument("branch_name", metavar="BRANCH_SET")
@_TEAM
@click.option("--from-source", is_flag=True, help="Bring what happened in the source into the branch instead.")
@click.option(
    "--take",
    type=click.Choice(["ours", "theirs", "stop"]),
    default="stop",
    show_default=True,
    help="Who wins conflicts: the set that is merged into, the other one, or nobody: then nothing is merged.",
)
@click.option("--reason", default="", help="Shown in the history; needed to merge.")
@click.option("--preview", "looks_only", is_flag=True, help="Only show what would happen.")
@_USER
@_JSON
def merge(
    branch_name: str,
    team_name: str,
    from_source: bool,
    take: str,
    reason: str,
    looks_only: bool,
    user_name: str,
    as_json: bool,
) -> None:
    """Merge BRANCH_SET into the set that it was made from, annotation by annotation, as one change."""
    from exact_core.storage.unit_of_work import UnitOfWork
    from exact_core.versioning.branches import merging, showing
    from exact_core.versioning.branches.bases import Direction
    from exact_core.versioning.branches.three_way import Take

    direction = Direction.FROM_SOURCE if from_source else Direction.INTO_SOURCE
    with _services() as services:
        with services.database.read() as session:
            actor = actor_of(session, user_name)
            branch_id = set_of(session, branch_name, team_name)
            if looks_only:
                seen = merging.preview(session, actor, branch_id, direction, can_in(session), limit=merging.MAX_TOUCHED)
                told = showing.preview_json(session, seen, with_counts=True).model_dump(mode="json")
        if not looks_only:
            wanted = merging.Wanted(direction, reason, default=None if take == "stop" else Take(take))
            with UnitOfWork(services.database, services.kernel.hooks, actor) as uow:
                made = merging.merge(uow, services.kernel.hooks, branch_id, wanted)
                told = showing.merge_json(made).model_dump(mode="json")
    counts = ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in told["counts"].items() if number)
    say(told, as_json, f"{'Merging' if looks_only else 'Merged'} {branch_name}: {counts or 'nothing to merge'}.")


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
