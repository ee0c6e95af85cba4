"""From received files to images: files are moved to their place under names of ours, then the rows are written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, Invalid, NotFound
from exact_core.auth.rights import Right, Rights
from exact_core.images.adding import Added, Arrival, add_images
from exact_core.images.dicom_series import series_of
from exact_core.images.fingerprints import file_checksum, group_checksum
from exact_core.images.grouping import FileGroup, Kind, group_files, stored_names, vms_parts
from exact_core.images.stored_files import rename_in_index
from exact_core.storage.models import Upload

if TYPE_CHECKING:
    from exact_core.images.uploads import Uploads, UploadState
    from exact_core.services import Services

_VMS_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class FinishedImage:
    """An image that uploads became, or the one whose content they repeat."""

    id: int
    name: str
    is_duplicate: bool
    main_upload: str


@dataclass(frozen=True, slots=True)
class Finished:
    """What a group of uploads became."""

    images: tuple[FinishedImage, ...]
    ignored: int


def finish_single(services: Services, uploads: Uploads, actor: Actor, key: str) -> FinishedImage:
    """Make an image of a complete upload that belongs to no group; doing it again gives the same answer."""
    state = uploads.state(actor, key)
    if state.outcome:
        return _known(services, state)
    if not state.is_complete:
        raise Conflict(f"The upload has {state.received_bytes} of {state.size_bytes} bytes; send the rest first.")
    if state.group_key:
        raise Conflict("The file belongs to a group; finish the group instead.")
    name = PurePosixPath(state.name)
    group = FileGroup(Kind.SINGLE, name, (name,))
    with uploads.locked([key]):
        state = uploads.state(actor, key)
        if state.outcome:
            return _known(services, state)
        return _finish(services, uploads, actor, state.image_set_id, [(group, {name: state})], ())[0]


def finish_group(services: Services, uploads: Uploads, actor: Actor, group_key: str) -> Finished:
    """Make images of the files of a folder: one of an MRXS slide or a DICOM series, one of each other picture."""
    states = uploads.group(actor, group_key)
    if not any(state.outcome == "" for state in states):
        return _known_group(services, states)
    with uploads.locked([state.key for state in states if not state.outcome][:1]):
        states = [state for state in uploads.group(actor, group_key) if not state.outcome]
        return _finish_open_group(services, uploads, actor, states)


def _finish_open_group(services: Services, uploads: Uploads, actor: Actor, states: Sequence[UploadState]) -> Finished:
    image_set_ids = {state.image_set_id for state in states}
    if len(image_set_ids) != 1:
        raise Invalid("The files of a group must go to one image set.")
    missing = [state for state in states if not state.is_complete]
    if missing:
        raise Conflict(f"{len(missing)} of the {len(states)} files of the group are not complete yet; send them first.")
    by_path: dict[PurePosixPath, UploadState] = {}
    folded: set[str] = set()
    for state in states:
        if state.relative_path.casefold() in folded:
            raise Conflict("Two files of the group have the same name but for capitals; rename one of them.")
        folded.add(state.relative_path.casefold())
        by_path[PurePosixPath(state.relative_path)] = state
    places = {path: uploads.part_path(state.key) for path, state in by_path.items()}
    grouping = group_files(
        by_path,
        series_of=lambda path: _series(places[PurePosixPath(path)]),
        parts_of=lambda path: vms_parts(_text(places[PurePosixPath(path)])),
    )
    if not grouping.groups:
        raise Invalid("None of the files of the group is a picture that EXACT knows.")
    groups = [(group, {path: by_path[path] for path in map(PurePosixPath, group.members)}) for group in grouping.groups]
    ignored = [by_path[PurePosixPath(path)] for path in grouping.ignored]
    images = _finish(services, uploads, actor, image_set_ids.pop(), groups, ignored)
    return Finished(tuple(images), len(ignored))


def _finish(
    services: Services,
    uploads: Uploads,
    actor: Actor,
    image_set_id: int,
    groups: Sequence[tuple[FileGroup, Mapping[PurePosixPath, UploadState]]],
    ignored: Sequence[UploadState],
) -> list[FinishedImage]:
    with services.database.read() as session:
        Rights(session).require(actor, Right.UPLOAD, image_set_id)
    keys = [[state.key for state in members.values()] for _, members in groups]

    def mark(session: Session, added: list[Added]) -> None:
        Rights(session).require(actor, Right.UPLOAD, image_set_id)
        for each, members in zip(added, keys, strict=True):
            outcome = "duplicate" if each.is_duplicate else "added"
            claimed = session.execute(
                update(Upload)
                .where(Upload.key.in_(members), Upload.outcome == "")
                .values(outcome=outcome, image_id=each.image_id)
                .returning(Upload.id)
            ).all()
            if len(claimed) != len(members):
                raise Conflict("The upload was finished by another request at the same time.")
        if ignored:
            session.execute(
                update(Upload).where(Upload.key.in_([state.key for state in ignored])).values(outcome="ignored")
            )

    folders: list[Path] = []
    try:
        arrivals = [_arrange(services, uploads, group, members, folders) for group, members in groups]
        added = add_images(services, actor, image_set_id, arrivals, in_transaction=mark)
    except BaseException:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    for each, folder in zip(added, folders, strict=True):
        if each.is_duplicate:
            shutil.rmtree(folder, ignore_errors=True)
    for state in [*ignored, *(state for _, members in groups for state in members.values())]:
        uploads.part_path(state.key).unlink(missing_ok=True)
    return [
        FinishedImage(each.image_id, each.name, each.is_duplicate, members[0])
        for each, members in zip(added, keys, strict=True)
    ]


def _arrange(
    services: Services,
    uploads: Uploads,
    group: FileGroup,
    members: Mapping[PurePosixPath, UploadState],
    folders: list[Path],
) -> Arrival:
    """Link the files of one image into its folder, under names that tell nothing.

    The parts stay until the rows are written, so that everything can be done again after a crash.
    """
    main = PurePosixPath(group.main)
    first = members[main]
    folder = f"images/{first.image_set_id}/{first.key}"
    names = {PurePosixPath(path): name for path, name in stored_names(group).items()}
    where = services.blobs.path(folder)
    shutil.rmtree(where, ignore_errors=True)
    folders.append(services.blobs.folder(folder))
    checksums = []
    for path, state in members.items():
        target = services.blobs.path(f"{folder}/{names[path]}")
        target.parent.mkdir(parents=True, exist_ok=True)
        _link(uploads.part_path(state.key), target)
        checksums.append(uploads.known_checksum(state) or file_checksum(target))
    rename_in_index(group, where)
    _sync_folder(where)
    is_series = group.kind is Kind.DICOM and len(group.members) > 1 and len(main.parts) > 1
    return Arrival(
        private_name=main.parts[-2] if is_series else main.name,
        file_path=f"{folder}/{names[main]}",
        files=tuple(services.blobs.path(f"{folder}/{name}") for name in names.values()),
        size_bytes=sum(state.size_bytes for state in members.values()),
        is_external=False,
        checksum=group_checksum(checksums),
    )


def _known(services: Services, state: UploadState) -> FinishedImage:
    from exact_core.storage.models import Image

    with services.database.read() as session:
        name = session.scalar(select(Image.name).where(Image.id == state.image_id))
    if state.image_id is None or name is None:
        raise NotFound("The image that this upload became was deleted.")
    return FinishedImage(state.image_id, name, state.outcome == "duplicate", state.key)


def _known_group(services: Services, states: Sequence[UploadState]) -> Finished:
    if not states:
        raise NotFound("There is no group of this key; it may have expired. Start it again.")
    by_image = {state.image_id: state for state in reversed(states) if state.outcome != "ignored"}
    images = [_known(services, state) for _, state in sorted(by_image.items(), key=lambda entry: entry[1].id)]
    return Finished(tuple(images), sum(state.outcome == "ignored" for state in states))


def _link(part: Path, target: Path) -> None:
    try:
        target.hardlink_to(part)
    except FileNotFoundError:
        raise NotFound("What was received of this upload is no longer there; start it again.") from None
    except OSError:  # a file system without hard links
        shutil.copyfile(part, target)


def _series(path: Path) -> str | None:
    with path.open("rb") as file:
        return series_of(file)


def _text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_VMS_BYTES).decode("latin-1")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
