"""What the commands of versions share: finding what is named, acting for somebody, and telling it in words."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from exact_core.annotations.scope import Can
    from exact_core.api.context import Actor
    from exact_core.services import Services
    from exact_core.storage.models import Version, VersionSplit

COUNTED = ("added", "removed", "changed", "geometry", "type", "attributes")
MANIFEST = "manifest"


def shares_of(given: tuple[str, ...]) -> dict[str, float]:
    """``PART=SHARE`` as given on the command line."""
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


def split_told(session: Session, version_id: int, made: VersionSplit) -> dict[str, Any]:
    """A split as JSON."""
    from exact_core.versioning.splits.service import images_of, told

    found = told(images_of(session, version_id), made)
    return {**found, "created_at": found["created_at"].isoformat()}


def copy_manifest(services: Services, version_name: str, output: Path, asked: dict[str, Any]) -> dict[str, Any]:
    """Give out the signed list, for those who may export and see everything."""
    import os
    import shutil

    from exact_core.annotations.access import rights_in
    from exact_core.api.errors import Conflict, NotFound
    from exact_core.auth.rights import Right, Rights
    from exact_core.versioning.access import require_all

    with services.database.read() as session:
        actor = actor_of(session, asked["user_name"])
        version = version_of(session, actor, set_of(session, asked["set_name"], asked["team_name"]), version_name)
        Rights(session).require(actor, Right.EXPORT, version.image_set_id)
        require_all(session, actor, version.image_set_id, rights_in(session))
        told = told_of(session, actor, [version])[0]
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


def difference_in_words(told: dict[str, Any]) -> Iterator[str]:
    """A comparison as lines of text."""
    sides = [f"{side['name'] or 'now'} (r{side['revision']})" for side in (told["from"], told["to"])]
    yield " -> ".join(sides)
    yield "  " + ", ".join(f"{told['total'][name]:,} {name}" for name in COUNTED[:3])
    for kind in told["types"]:
        yield f"  {kind['name'] or 'a type that is gone':<28} " + ", ".join(
            f"{kind[name]:,} {name}" for name in COUNTED if kind[name]
        )
    for each in told["relabelled"]:
        yield f"  {each['from_name']} -> {each['to_name']}: {each['count']:,}"
    for word, name in (("came", "images_added"), ("went", "images_removed")):
        if told[name]:
            yield f"  images that {word}: " + ", ".join(image["name"] for image in told[name])


def holds(told: dict[str, Any]) -> str:
    """How much is in a version, in words."""
    count = told["annotation_count"]
    return _plural(told["image_count"], "image") + ("" if count is None else f", {_plural(count, 'annotation')}")


def _plural(count: int, word: str) -> str:
    return f"{count:,} {word}" + ("" if count == 1 else "s")


def verified(told: dict[str, Any]) -> str:
    """What was said of shapes and of images, in words."""
    states = Counter(str(image["review_state"]).replace("_", " ") for image in told["images"] if image["review_state"])
    shapes = ", ".join(f"{count:,} {name}" for name, count in told["verifications"].items() if count)
    images = ", ".join(f"{count:,} {state}" for state, count in states.most_common())
    return f"shapes: {shapes or 'none'}" + (f"; images: {images}" if images else "")


def say(told: dict[str, Any], as_json: bool, words: str) -> None:
    """Print JSON or words."""
    click.echo(json.dumps(told) if as_json else words)


def actor_of(session: Session, name: str) -> Actor:
    """Who the command works for."""
    from exact_core.exchange.commands import acting

    return acting(session, name)


def can_in(session: Session) -> Can:
    """Rights, asked of the database."""
    from exact_core.annotations.access import rights_in

    return rights_in(session)


def set_of(session: Session, set_name: str, team_name: str) -> int:
    """The number of a set by its name."""
    from exact_core.imagesets.finding import find_by_name

    return find_by_name(session, set_name, team_name).id


def require_view(session: Session, actor: Actor, image_set_id: int, set_name: str) -> None:
    """Refuse who may not see the set, as if it were not there."""
    from exact_core.api.errors import NotFound

    if not can_in(session)(actor, "view", image_set_id):
        raise NotFound(f"There is no image set {set_name!r} that you may see.")


def version_of(session: Session, actor: Actor, image_set_id: int, name: str) -> Version:
    """A version by its name, or by its number where no name is that."""
    from exact_core.api.errors import NotFound
    from exact_core.versioning.access import live_version
    from exact_core.versioning.service import newest

    found = newest(session, image_set_id, name)
    if found is None and name.isdecimal() and name.isascii():
        found = live_version(session, actor, int(name[:19]))
    if found is None or found.image_set_id != image_set_id or not can_in(session)(actor, "view", image_set_id):
        raise NotFound(f"There is no version {name!r} in this image set; 'exact versions list' names them.")
    return found


def told_of(session: Session, actor: Actor, versions: Sequence[Version]) -> list[dict[str, Any]]:
    """Versions as JSON, as the actor may know them."""
    from exact_core.versioning.showing import shown

    session.flush()
    return [each.model_dump(mode="json") for each in shown(session, actor, versions, can_in(session))]
