"""Adding images to a set: one lock per set, duplicates found by content, names and places given, reading asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.errors import NotFound
from exact_core.api.events import ImageAction, ImageChange
from exact_core.images.fingerprints import files_checksum
from exact_core.images.naming import PublicNames, clean_private_name, time_prefix
from exact_core.images.stored_files import files_of
from exact_core.jobs.registry import PROBE
from exact_core.storage.epochs import raise_epoch
from exact_core.storage.models import Image, ImageSet, now
from exact_core.storage.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from exact_core.services import Services

IMAGES_PER_PROBE_JOB = 50
HASHED_AT_ONCE = 64 * 1024 * 1024
"""Files up to this size are always hashed when they arrive; larger ones only when another has the same size."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Files that are to become one image.

    ``files`` are all of them where they lie; ``file_path`` is what the row will say of the main one.
    """

    private_name: str
    file_path: str
    files: tuple[Path, ...]
    size_bytes: int
    is_external: bool
    checksum: str = ""


@dataclass(frozen=True, slots=True)
class Added:
    """What became of an arrival: a new image, or the one that was there with the same content."""

    arrival: Arrival
    image_id: int
    name: str
    is_duplicate: bool


def add_images(
    services: Services,
    actor: Actor,
    image_set_id: int,
    arrivals: Sequence[Arrival],
    *,
    in_transaction: Callable[[Session, list[Added]], None] | None = None,
    probe: bool = True,
) -> list[Added]:
    """Add images in one transaction; content that the set has, or that comes twice, is added once.

    Args:
        services: The instance.
        actor: Who adds them; rights are the caller's business.
        image_set_id: The set.
        arrivals: What arrived, in the order the images will have.
        in_transaction: Called with the session before the commit, for what must happen together with it.
        probe: Whether background jobs are asked for that read the new images.
    """
    while True:
        arrivals = _with_checksums(services, image_set_id, arrivals)
        with UnitOfWork(services.database, services.kernel.hooks, actor) as uow:
            session = uow.session
            lock_image_set(session, image_set_id)
            if _unhashed_twins(session, image_set_id, arrivals):
                continue  # another process added a file of the same size meanwhile: look at its content first
            added = _insert(services, uow, image_set_id, actor, arrivals)
            new = [each.image_id for each in added if not each.is_duplicate]
            if probe:
                ask_for_probing(services, session, image_set_id, new, actor)
            if new:
                raise_epoch(session, "images")
            if in_transaction is not None:
                in_transaction(session, added)
        return added


def ask_for_probing(
    services: Services, session: Session, image_set_id: int, image_ids: Sequence[int], actor: Actor
) -> None:
    """Ask for jobs that read images, a batch of images each."""
    for start in range(0, len(image_ids), IMAGES_PER_PROBE_JOB):
        batch = list(image_ids[start : start + IMAGES_PER_PROBE_JOB])
        services.jobs.enqueue(
            session,
            PROBE,
            owner=actor,
            image_set_id=image_set_id,
            image_id=batch[0] if len(batch) == 1 else None,
            params={"image_ids": batch},
        )


def lock_image_set(session: Session, image_set_id: int) -> ImageSet:
    """Hold the set's row until the commit, so that names, places and duplicates are decided one at a time."""
    image_set = session.scalar(
        select(ImageSet).where(ImageSet.id == image_set_id, ImageSet.deleted_at.is_(None)).with_for_update()
    )
    if image_set is None:
        raise NotFound(f"There is no image set {image_set_id}.")
    return image_set


def _insert(
    services: Services, uow: UnitOfWork, image_set_id: int, actor: Actor, arrivals: Sequence[Arrival]
) -> list[Added]:
    session = uow.session
    at = now()
    present = _present(session, image_set_id, arrivals)
    prefix = time_prefix(at)
    taken = session.scalars(select(Image.name).where(Image.image_set_id == image_set_id, Image.name.startswith(prefix)))
    names = PublicNames(services.settings.secret, image_set_id, taken)
    position = session.scalar(select(func.max(Image.position)).where(Image.image_set_id == image_set_id)) or 0
    rows: list[dict[str, Any]] = []
    names_of: list[tuple[str, bool]] = []  # public name, and whether it is new
    for number, arrival in enumerate(arrivals, start=1):
        name = present.get(arrival.checksum) if arrival.checksum else None
        names_of.append((name or "", name is None))
        if name is not None:
            continue
        private_name = clean_private_name(arrival.private_name)
        name = names.give(private_name, at)
        names_of[-1] = (name, True)
        if arrival.checksum:
            present[arrival.checksum] = name
        rows.append(
            {
                "image_set_id": image_set_id,
                "name": name,
                "private_name": private_name,
                "position": position + number,
                "file_path": arrival.file_path,
                "is_external": arrival.is_external,
                "size_bytes": arrival.size_bytes,
                "checksum": arrival.checksum,
                "created_by_id": actor.user_id or None,
                "created_at": at,
            }
        )
    if rows:
        session.execute(insert(Image), rows)
    ids = _ids_of(session, image_set_id, [name for name, _ in names_of])
    for name, is_new in names_of:
        if is_new:
            uow.record(ImageChange(ImageAction.ADDED, image_set_id, ids[name], name, actor_id=actor.user_id or None))
    return [
        Added(arrival, ids[name], name, is_duplicate=not is_new)
        for arrival, (name, is_new) in zip(arrivals, names_of, strict=True)
    ]


def _ids_of(session: Session, image_set_id: int, names: Sequence[str]) -> dict[str, int]:
    """The ids of images by their public names."""
    found: dict[str, int] = {}
    for start in range(0, len(names), 500):
        query = select(Image.name, Image.id).where(
            Image.image_set_id == image_set_id, Image.name.in_(names[start : start + 500])
        )
        found.update(session.execute(query).all())
    return found


def _present(session: Session, image_set_id: int, arrivals: Iterable[Arrival]) -> dict[str, str]:
    """Names of images of the set by content, for the content of the arrivals."""
    checksums = sorted({arrival.checksum for arrival in arrivals if arrival.checksum})
    found: dict[str, str] = {}
    for start in range(0, len(checksums), 500):
        query = select(Image.checksum, Image.name).where(
            Image.image_set_id == image_set_id,
            Image.checksum.in_(checksums[start : start + 500]),
            Image.deleted_at.is_(None),
        )
        found.update(session.execute(query).all())
    return found


def _with_checksums(services: Services, image_set_id: int, arrivals: Sequence[Arrival]) -> list[Arrival]:
    """Hash what must be hashed to tell whether content comes twice: nothing can equal a file of another size."""
    by_size: dict[int, int] = defaultdict(int)
    for arrival in arrivals:
        by_size[arrival.size_bytes] += 1
    with services.database.read() as session:
        twins = _same_size(session, image_set_id, by_size)
    known_sizes = {image.size_bytes for image in twins}
    _hash_images(services, [image for image in twins if not image.checksum])
    result = []
    for arrival in arrivals:
        wanted = arrival.size_bytes <= HASHED_AT_ONCE or by_size[arrival.size_bytes] > 1
        if not arrival.checksum and (wanted or arrival.size_bytes in known_sizes):
            arrival = replace(arrival, checksum=files_checksum(arrival.files))
        result.append(arrival)
    return result


def _unhashed_twins(session: Session, image_set_id: int, arrivals: Sequence[Arrival]) -> bool:
    twins = _same_size(session, image_set_id, {arrival.size_bytes for arrival in arrivals})
    hashed = {arrival.size_bytes for arrival in arrivals if arrival.checksum}
    return any(not twin.checksum or twin.size_bytes not in hashed for twin in twins)


def _same_size(session: Session, image_set_id: int, sizes: Iterable[int]) -> list[Image]:
    """Live images of the set with one of the sizes, unless their file is known not to be readable any more."""
    wanted = sorted(set(sizes))
    found: list[Image] = []
    for start in range(0, len(wanted), 500):
        query = select(Image).where(
            Image.image_set_id == image_set_id,
            Image.size_bytes.in_(wanted[start : start + 500]),
            Image.deleted_at.is_(None),
            Image.checksum != GONE,
        )
        found.extend(session.scalars(query))
    return found


GONE = "gone"
"""Checksum of an image whose file could not be read when it was wanted: it equals nothing."""


def _hash_images(services: Services, images: Sequence[Image]) -> None:
    """Fill in checksums that were left for later."""
    for image in images:
        try:
            checksum = files_checksum(files_of(services.blobs, image))
        except OSError:
            checksum = GONE
        with services.database.write() as session:
            session.execute(update(Image).where(Image.id == image.id).values(checksum=checksum))
