"""Files that belong to a version: given by plugins when it is made, attached by people and scripts afterwards."""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.contributions import Artefact, ArtefactKind
from exact_core.api.errors import Forbidden, Invalid, NotFound, TooLarge
from exact_core.auth.rights import Right, Rights
from exact_core.storage.models import Version, VersionArtefact
from exact_core.versioning.access import find_version, live_version, require_all

if TYPE_CHECKING:
    from exact_core.services import Services
    from exact_core.storage.unit_of_work import UnitOfWork

MAX_GIVEN = 64 * 1024 * 1024
"""Most bytes of a file that a plugin gives inside the transaction."""

_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*")


@dataclass(frozen=True, slots=True)
class NewArtefact:
    """What is known of a file before its bytes have arrived."""

    name: str
    kind: str = "file"
    media_type: str = "application/octet-stream"
    description: str = ""


def folder_of(version_id: int) -> str:
    """Where the files of a version lie, relative to the data folder."""
    return f"versions/{version_id}"


def new_place(version_id: int) -> str:
    """Where one more file of a version goes, relative to the data folder."""
    return f"{folder_of(version_id)}/artefacts/{secrets.token_hex(16)}"


def keep_given(services: Services, uow: UnitOfWork, version: Version, plugin: str, artefact: Artefact) -> None:
    """Keep a file that a plugin gave for a version that is being made."""
    if len(artefact.content) > MAX_GIVEN:
        raise Invalid(
            f"The plugin {plugin!r} gave a file of {len(artefact.content):,} bytes for the version;"
            f" at most {MAX_GIVEN:,} are taken. Attach large files through the API."
        )
    known = checked(NewArtefact(artefact.name, str(artefact.kind), artefact.media_type, artefact.description))
    path = new_place(version.id)
    services.blobs.write(path, artefact.content)  # one that is rolled back goes with the next version of this number
    uow.session.add(
        VersionArtefact(
            version_id=version.id,
            path=path,
            sha256=hashlib.sha256(artefact.content).hexdigest(),
            size_bytes=len(artefact.content),
            plugin=plugin,
            created_by_name=plugin,
            **_columns(known),
        )
    )


async def receive(services: Services, version_id: int, parts: AsyncIterator[bytes], most: int) -> tuple[str, str, int]:
    """Write arriving bytes to a file of the version; its path, sha256 and size. Half a file is removed."""
    relative = new_place(version_id)
    place = services.blobs.path(relative)
    place.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    try:
        with place.open("xb") as file:
            async for part in parts:
                size += len(part)
                if size > most:
                    raise TooLarge(f"The file is larger than {most:,} bytes, the most that this server takes.")
                digest.update(part)
                file.write(part)
    except BaseException:
        place.unlink(missing_ok=True)
        raise
    return relative, digest.hexdigest(), size


def attach(
    session: Session, actor: Actor, version_id: int, known: NewArtefact, path: str, sha256: str, size: int
) -> VersionArtefact:
    """Make a received file an artefact of the version."""
    require_attach(session, actor, version_id)
    artefact = VersionArtefact(
        version_id=version_id,
        path=path,
        sha256=sha256,
        size_bytes=size,
        created_by_id=actor.user_id or None,
        created_by_name=actor.display_name or actor.name,
        **_columns(checked(known)),
    )
    session.add(artefact)
    session.flush()
    return artefact


def require_attach(session: Session, actor: Actor, version_id: int) -> Version:
    """The version, for whoever may attach files: reviewers and managers, who may export too."""
    version = live_version(session, actor, version_id)
    Rights(session).require(actor, Right.EXPORT, version.image_set_id)
    require_all(session, actor, version.image_set_id)
    return version


def artefacts_of(session: Session, version_id: int) -> Sequence[VersionArtefact]:
    """The files of a version in the order in which they came."""
    return session.scalars(
        select(VersionArtefact).where(VersionArtefact.version_id == version_id).order_by(VersionArtefact.id)
    ).all()


def find_artefact(session: Session, actor: Actor, artefact_id: int) -> VersionArtefact:
    """One file, for those who may know of everybody's work in the set."""
    artefact = session.get(VersionArtefact, artefact_id) if -(2**63) <= artefact_id < 2**63 else None
    missing = NotFound(f"There is no file {artefact_id} of a version that you may see.")
    if artefact is None:
        raise missing
    try:
        version = find_version(session, actor, artefact.version_id)
    except NotFound:
        raise missing from None
    require_all(session, actor, version.image_set_id)
    return artefact


def remove_artefact(services: Services, uow: UnitOfWork, artefact_id: int) -> None:
    """Take a file off a version: by who attached it, by who made the version, or by an administrator."""
    session, actor = uow.session, uow.actor
    artefact = find_artefact(session, actor, artefact_id)
    version = find_version(session, actor, artefact.version_id)
    owners = {artefact.created_by_id, version.creator_id} - {None}
    if not actor.is_admin and actor.user_id not in owners:
        raise Forbidden("A file can be removed by who attached it, by who made the version and by administrators.")
    path = artefact.path
    session.delete(artefact)
    uow.after_commit(lambda: services.blobs.remove(path))


def discard(services: Services, path: str) -> None:
    """Remove a received file that did not become an artefact."""
    with contextlib.suppress(OSError):
        services.blobs.path(path).unlink(missing_ok=True)


def checked(known: NewArtefact) -> NewArtefact:
    """A name that is one, and values that can be kept."""
    name = Path(known.name.replace("\\", "/")).name.strip()
    if not name or len(name) > 200 or not name.isprintable():
        raise Invalid("The name of the file must have 1 to 200 printable characters.")
    if known.kind not in {kind.value for kind in ArtefactKind}:
        raise Invalid(f"The kind of a file is metrics, model, prediction or file, not {known.kind[:40]!r}.")
    media_type = known.media_type.partition(";")[0].strip().lower()
    if not _MEDIA_TYPE.fullmatch(media_type) or len(media_type) > 100:
        media_type = "application/octet-stream"
    return NewArtefact(name, known.kind, media_type, known.description.strip()[:1000])


def _columns(known: NewArtefact) -> dict[str, str]:
    return {
        "name": known.name,
        "kind": known.kind,
        "media_type": known.media_type,
        "description": known.description,
    }
