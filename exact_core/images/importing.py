"""Images from files that are already on the server: found in folders, grouped, added, and watched until ready."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, Forbidden, Invalid, NotFound
from exact_core.images.adding import Arrival, add_images
from exact_core.images.grouping import FileGroup, Kind, stored_names
from exact_core.images.service import read_again
from exact_core.images.stored_files import group_paths, members_of, rename_in_index
from exact_core.storage.epochs import raise_epoch
from exact_core.storage.models import Image, ImageSet, Job, Team

if TYPE_CHECKING:
    from exact_core.services import Services

BATCH = 250
_ENDED = frozenset({"ready", "unreadable"})
_SECONDS_BETWEEN_LOOKS = 0.5


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one picture of an import."""

    path: str
    image: int | None
    status: str  # ready, converting, unreadable, duplicate, probing
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """The pictures of an import, and what was left aside."""

    groups: tuple[FileGroup, ...]
    ignored: int
    refused: tuple[Outcome, ...]


def find_pictures(services: Services, paths: Sequence[Path]) -> Found:
    """Files to import: named files as they are, folders with everything below them.

    Links to files are followed, since the administrator put them there; links to folders are not, so that no search
    runs in circles. Nothing inside the instance's own data folder is taken.
    """
    groups: list[FileGroup] = []
    refused: list[Outcome] = []
    ignored = 0
    for given in paths:
        try:
            path = Path(os.path.abspath(given)) if given.is_symlink() else given.resolve(strict=True)  # noqa: PTH100
            own = path.resolve().is_relative_to(services.blobs.root)
            kind = "folder" if path.is_dir() else "file" if path.is_file() else "other"
        except (OSError, RuntimeError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "the path cannot be followed"
            refused.append(Outcome(str(given), None, "unreadable", f"There is no such file or folder: {reason}."))
            continue
        if own:
            refused.append(Outcome(str(given), None, "unreadable", "It lies inside EXACT's own data folder."))
        elif kind == "folder":
            grouping = group_paths(list(_files_below(path, services.blobs.root)))
            groups.extend(grouping.groups)
            ignored += len(grouping.ignored)
        elif kind == "file":
            members = members_of(path)
            of_format = {".mrxs": Kind.MRXS, ".vms": Kind.VMS, ".vmu": Kind.VMS}
            fallback = Kind.DICOM if len(members) > 1 else Kind.SINGLE
            groups.append(FileGroup(of_format.get(path.suffix.lower(), fallback), path, tuple(members)))
        else:
            refused.append(Outcome(str(given), None, "unreadable", "It is neither a file nor a folder."))
    unique = {group.main: group for group in groups}
    return Found(tuple(unique.values()), ignored, tuple(refused))


def import_pictures(
    services: Services,
    actor: Actor,
    image_set_id: int,
    groups: Sequence[FileGroup],
    *,
    copy: bool = False,
    probe: bool = True,
) -> Iterator[Outcome]:
    """Add pictures in batches of one transaction each; yields what became of each, in order.

    A file that the set has but could not read is read again: it may have been repaired since.
    """
    for start in range(0, len(groups), BATCH):
        batch = groups[start : start + BATCH]
        known = {} if copy else _known_paths(services, image_set_id, [str(group.main) for group in batch])
        arrivals: list[tuple[str, Arrival]] = []
        outcomes: dict[str, Outcome] = {}
        again: list[int] = []
        for group in batch:
            path = str(group.main)
            if path in known:
                image_id, status = known[path]
                if status == "unreadable" and probe:
                    again.append(image_id)
                    outcomes[path] = Outcome(path, image_id, "probing")
                else:
                    outcomes[path] = Outcome(path, image_id, "duplicate", "The set has this file already.")
                continue
            try:
                path.encode("utf-8")
                arrivals.append((path, _copied(services, image_set_id, group) if copy else _in_place(group)))
            except UnicodeEncodeError:
                shown = path.encode("utf-8", "backslashreplace").decode()
                outcomes[path] = Outcome(shown, None, "unreadable", "Its name is not valid UTF-8; rename the file.")
            except OSError as error:
                reason = f"The file cannot be read: {error.strerror or 'unknown error'}."
                outcomes[path] = Outcome(path, None, "unreadable", reason)
        if again:
            read_again(services, actor, image_set_id, again)
        outcomes |= _add(services, actor, image_set_id, arrivals, probe=probe)
        for group in batch:
            yield outcomes[str(group.main)]


def wait_for_images(
    services: Services, image_ids: Sequence[int], told: Callable[[int, int, float], None] | None = None
) -> dict[int, tuple[str, str]]:
    """Wait until images are ready or turned out unreadable; their status and reason by id.

    ``told`` hears how many of how many have ended, and how far the running conversions are together.
    """
    ended: dict[int, tuple[str, str]] = {}
    waiting = list(image_ids)
    while waiting:
        progress = 0.0
        with services.database.read() as session:
            for start in range(0, len(waiting), 500):
                part = waiting[start : start + 500]
                rows = session.execute(select(Image.id, Image.status, Image.status_reason).where(Image.id.in_(part)))
                ended.update({row.id: (row.status, row.status_reason) for row in rows if row.status in _ENDED})
            running = select(func.coalesce(func.sum(Job.progress), 0.0)).where(
                Job.image_id.in_(waiting[:500]), Job.state == "running"
            )
            progress = float(session.scalar(running) or 0.0)
        waiting = [image_id for image_id in waiting if image_id not in ended]
        if told is not None:
            told(len(image_ids) - len(waiting), len(image_ids), progress)
        if waiting:
            time.sleep(_SECONDS_BETWEEN_LOOKS)
    return ended


def find_or_make_set(services: Services, actor: Actor, name: str, team_name: str = "") -> int:
    """The image set of that name, in the named team when names are not unique; made when there is none."""
    name = name.strip()
    if not 1 <= len(name) <= 200:
        raise Invalid("The name of an image set must have 1 to 200 characters.")
    with services.database.write() as session:
        query = select(ImageSet).where(ImageSet.name == name, ImageSet.deleted_at.is_(None))
        team = None
        if team_name:
            team = session.scalar(select(Team).where(Team.folded_name == team_name.strip().casefold()))
            if team is not None:
                query = query.where(ImageSet.team_id == team.id)
        found = session.scalars(query.limit(2)).all()
        if len(found) > 1:
            raise Conflict(f"Several teams have an image set named {name!r}; name the team with --team.")
        if found and (team is not None or not team_name):
            return found[0].id
        if not actor.is_admin:
            raise Forbidden(f"There is no image set {name!r}; only an administrator's import makes one.")
        if team is None:
            team = _team_for(session, actor, team_name)
        image_set = ImageSet(team_id=team.id, name=name, created_by_id=actor.user_id or None)
        session.add(image_set)
        session.flush()
        raise_epoch(session, "access")
        return image_set.id


def _team_for(session: Session, actor: Actor, team_name: str) -> Team:
    if not team_name:
        teams = session.scalars(select(Team).order_by(Team.id).limit(2)).all()
        if len(teams) == 1:
            return teams[0]
        if len(teams) > 1:
            raise NotFound("There are several teams; say with --team which one the new image set belongs to.")
        team_name = "Lab"
    team = Team(name=team_name.strip(), folded_name=team_name.strip().casefold(), created_by_id=actor.user_id or None)
    session.add(team)
    session.flush()
    return team


def _files_below(folder: Path, own: Path) -> Iterator[Path]:
    """Every file below a folder; folders that cannot be read, and EXACT's own data folder, are left out."""
    for where, folders, names in os.walk(folder, followlinks=False):
        here = Path(where)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and (here / name).resolve() != own)
        for name in names:
            path = here / name
            if path.is_file():
                yield path


def _in_place(group: FileGroup) -> Arrival:
    files = tuple(Path(member) for member in group.members)
    return Arrival(
        private_name=_private_name(group),
        file_path=str(group.main),
        files=files,
        size_bytes=sum(file.stat().st_size for file in files),
        is_external=True,
    )


def _copied(services: Services, image_set_id: int, group: FileGroup) -> Arrival:
    """Copy a picture's files into the data folder, under names that tell nothing."""
    folder = f"images/{image_set_id}/{secrets.token_hex(16)}"
    where = services.blobs.folder(folder)
    names = stored_names(group)
    try:
        for member, name in names.items():
            target = where / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(member, target)
        rename_in_index(group, where)
        files = tuple(where / name for name in names.values())
        size = sum(file.stat().st_size for file in files)
    except OSError:
        shutil.rmtree(where, ignore_errors=True)
        raise
    return Arrival(_private_name(group), f"{folder}/{names[group.main]}", files, size, is_external=False)


def _add(
    services: Services, actor: Actor, image_set_id: int, arrivals: Sequence[tuple[str, Arrival]], *, probe: bool
) -> dict[str, Outcome]:
    if not arrivals:
        return {}

    def remove_copy(arrival: Arrival) -> None:
        if not arrival.is_external:
            shutil.rmtree(services.blobs.resolve(arrival.file_path).parent, ignore_errors=True)

    try:
        added = add_images(services, actor, image_set_id, [arrival for _, arrival in arrivals], probe=probe)
    except BaseException:
        for _, arrival in arrivals:
            remove_copy(arrival)
        raise
    outcomes: dict[str, Outcome] = {}
    for (path, arrival), each in zip(arrivals, added, strict=True):
        if each.is_duplicate:
            remove_copy(arrival)
            reason = "The set has an image with the same content."
            outcomes[path] = Outcome(path, each.image_id, "duplicate", reason)
        else:
            outcomes[path] = Outcome(path, each.image_id, "probing")
    return outcomes


def _known_paths(services: Services, image_set_id: int, paths: Sequence[str]) -> dict[str, tuple[int, str]]:
    """Number and status of images whose files are used in place, by path."""
    with services.database.read() as session:
        rows = session.execute(
            select(Image.file_path, Image.id, Image.status).where(
                Image.image_set_id == image_set_id,
                Image.is_external,
                Image.deleted_at.is_(None),
                Image.file_path.in_([path for path in paths if _is_text(path)]),
            )
        )
        return {row.file_path: (row.id, row.status) for row in rows}


def _private_name(group: FileGroup) -> str:
    main = Path(group.main)
    return main.parent.name if len(group.members) > 1 and group.kind is Kind.DICOM else main.name


def _is_text(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
