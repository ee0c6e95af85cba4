"""Attaching, finding and removing media, and letting go of files that nothing needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from time import monotonic

from sqlalchemy import ColumnElement, delete, exists, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased, joinedload

from exact_core.api import AnnotationReader, Forbidden, NotFound, PluginContext
from exact_core.api.deps import SetAccess
from exact_core.api.tables import core
from exact_media.kinds import TYPES, Kind
from exact_media.probe import Facts
from exact_media.store import Incoming, MediaStore
from exact_media.tables import MediaFile, MediaKept, MediaLink

MOST_IDS = 100_000
_LONGEST_NAME = 255
_SECONDS_BETWEEN_SWEEPS = 6 * 3600.0
_swept: dict[str, float] = {}  # when, by the folder of the plugin


@dataclass(frozen=True, slots=True)
class Place:
    """What a file is attached to."""

    image_set_id: int
    image_id: int
    annotation_id: int | None


def clean_name(name: str) -> str:
    """The last part of a file's name, without control characters."""
    text = "".join(each for each in name.replace("\\", "/").rpartition("/")[2] if each.isprintable()).strip()
    return (text.encode("utf-8", "replace").decode() or "file")[-_LONGEST_NAME:]


def keep_file(session: Session, store: MediaStore, incoming: Incoming, facts: Facts, at: datetime) -> MediaFile:
    """The row of a content that arrived, whose bytes are then in their place."""
    sha256 = incoming.sha256
    query = select(MediaFile).where(MediaFile.sha256 == sha256).with_for_update()
    file = session.scalar(query)
    if file is None:
        values = {name: getattr(facts, name) for name in Facts.__dataclass_fields__}
        file = MediaFile(sha256=sha256, size_bytes=incoming.size, created_at=at, **values)
        try:
            with session.begin_nested():
                session.add(file)
        except IntegrityError:  # the same content arrived through another process meanwhile
            file = session.scalars(query).one()
    # Always, with the row held: it may be that the bytes were removed a moment ago, together with an older row.
    store.keep(incoming.path, sha256)
    return file


def attach(session: Session, file: MediaFile, place: Place, name: str, author_id: int, at: datetime) -> MediaLink:
    """Attach a file to its place; the same content twice in one place is one."""
    same = select(MediaLink).where(
        MediaLink.file_id == file.id,
        MediaLink.image_id == place.image_id,
        MediaLink.annotation_id.is_not_distinct_from(place.annotation_id),
    )
    link = session.scalar(same.order_by(MediaLink.id).limit(1))
    if link is None:
        link = MediaLink(
            file=file,
            image_set_id=place.image_set_id,
            image_id=place.image_id,
            annotation_id=place.annotation_id,
            name=clean_name(name),
            author_id=author_id or None,
            created_at=at,
        )
        session.add(link)
        session.flush()
    return link


def find(session: Session, reader: AnnotationReader, access: SetAccess, media_id: int) -> MediaLink:
    """Something attached that the actor may know of; ``NotFound`` when it, its shape or its image is gone."""
    link = session.scalar(select(MediaLink).where(MediaLink.id == media_id).options(joinedload(MediaLink.file)))
    if link is not None and link.image_set_id == access.image_set_id and _is_seen(session, reader, link):
        return link
    raise NotFound(f"Nothing with the number {media_id} is attached here any more.")


def _is_seen(session: Session, reader: AnnotationReader, link: MediaLink) -> bool:
    image = session.get(core.Image, link.image_id)
    if image is None or image.deleted_at is not None:
        return False
    return link.annotation_id is None or bool(reader.seen(link.image_id, [link.annotation_id]))


def of_image(session: Session, image_id: int) -> Sequence[MediaLink]:
    """What is attached to an image itself, oldest first."""
    query = select(MediaLink).where(MediaLink.image_id == image_id, MediaLink.annotation_id.is_(None))
    return session.scalars(query.order_by(MediaLink.id).options(joinedload(MediaLink.file))).all()


def of_annotation(session: Session, reader: AnnotationReader, image_id: int, annotation_id: int) -> Sequence[MediaLink]:
    """What is attached to an annotation that the actor may see, oldest first; ``NotFound`` when there is none."""
    require_seen(reader, image_id, annotation_id)
    query = select(MediaLink).where(MediaLink.image_id == image_id, MediaLink.annotation_id == annotation_id)
    return session.scalars(query.order_by(MediaLink.id).options(joinedload(MediaLink.file))).all()


def require_seen(reader: AnnotationReader, image_id: int, annotation_id: int) -> None:
    """Refuse annotations that are not there, or are a secret to the actor, in the same words."""
    if not reader.seen(image_id, [annotation_id]):
        raise NotFound(f"There is no annotation {annotation_id} on image {image_id} that you may see.")


def with_media(session: Session, reader: AnnotationReader, image_id: int) -> list[int]:
    """Annotations of an image that have something to play, in the order of drawing."""
    query = (
        select(MediaLink.annotation_id)
        .join(MediaFile, MediaFile.id == MediaLink.file_id)
        .where(
            MediaLink.image_id == image_id, MediaLink.annotation_id.is_not(None), MediaFile.kind != Kind.PICTURE.value
        )
        .distinct()
        .order_by(MediaLink.annotation_id)
        .limit(MOST_IDS)
    )
    ids = [each for each in session.scalars(query) if each is not None]
    seen = reader.seen(image_id, ids) if ids else frozenset()
    return [each for each in ids if each in seen]


def totals(session: Session, image_set_id: int) -> list[tuple[str, int, int, float]]:
    """What is attached in an image set, by kind: how many files, their bytes, and their seconds."""
    image = core.Image
    query = (
        select(
            MediaFile.kind,
            func.count(MediaLink.id),
            func.sum(MediaFile.size_bytes),
            func.coalesce(func.sum(MediaFile.duration), 0.0),
        )
        .join(MediaLink, MediaLink.file_id == MediaFile.id)
        .join(image, image.id == MediaLink.image_id)
        .where(MediaLink.image_set_id == image_set_id, image.deleted_at.is_(None))
        .group_by(MediaFile.kind)
        .order_by(MediaFile.kind)
    )
    return [(kind, int(count), int(size), float(seconds or 0)) for kind, count, size, seconds in session.execute(query)]


def require_attach(access: SetAccess, annotation_id: int | None) -> None:
    """Files of an image are part of it, and everybody sees them; those of a shape come from who may draw."""
    access.require("edit_images" if annotation_id is None else "annotate")


def can_remove(access: SetAccess, link: MediaLink) -> bool:
    """Whether the actor may take a file off."""
    if link.annotation_id is None:
        return access.can("edit_images")
    is_own = link.author_id == access.actor.user_id
    return access.can("edit_any") or (is_own and access.can("annotate"))


def remove(plugin: PluginContext, access: SetAccess, link: MediaLink) -> None:
    """Take a file off its place; the bytes go too when nothing else needs them."""
    if not can_remove(access, link):
        raise Forbidden("Only who attached a file, and who may change the work of others, can remove it.")
    with plugin.write() as session:
        session.execute(delete(MediaLink).where(MediaLink.id == link.id))
    # What only this file was converted to is unused once this file is gone.
    for file_id in (link.file_id, link.file.playable_id):
        if file_id is not None:
            _remove_one(plugin, MediaStore(plugin.files), file_id)


def remove_unused(plugin: PluginContext, most: int = 1000) -> int:
    """Delete files that nothing refers to: no annotation or image, no version that is there; how many went.

    Taking a file off deletes it at once when it was the last; this is for what went with images and versions.
    """
    store, count = MediaStore(plugin.files), 0
    for _ in range(2):  # what only a removed file was converted to is unused itself then
        with plugin.read() as session:
            ids = session.scalars(select(MediaFile.id).where(_is_unused()).order_by(MediaFile.id).limit(most)).all()
        for file_id in ids:
            count += _remove_one(plugin, store, file_id)
    return count


def remove_unused_now_and_then(plugin: PluginContext) -> None:
    """Delete unused files when that was not done in this process for some hours."""
    moment, last = monotonic(), _swept.get(str(plugin.files))
    if last is None or moment - last > _SECONDS_BETWEEN_SWEEPS:
        _swept[str(plugin.files)] = moment
        remove_unused(plugin)


def _remove_one(plugin: PluginContext, store: MediaStore, file_id: int) -> bool:
    try:
        with plugin.write() as session:
            query = select(MediaFile).where(MediaFile.id == file_id, _is_unused()).with_for_update()
            file = session.scalar(query)
            if file is None:
                return False
            session.execute(delete(MediaKept).where(MediaKept.file_id == file_id))  # of versions that were deleted
            session.delete(file)
            session.flush()
            store.remove(file.sha256)
    except IntegrityError:  # it was attached again at this moment
        return False
    return True


def _is_unused() -> ColumnElement[bool]:
    version, other = core.Version, aliased(MediaFile)
    kept = exists().where(
        MediaKept.file_id == MediaFile.id, version.id == MediaKept.version_id, version.deleted_at.is_(None)
    )
    attached = exists().where(MediaLink.file_id == MediaFile.id)
    return ~attached & ~kept & ~exists().where(other.playable_id == MediaFile.id)


def public_name(link: MediaLink) -> str:
    """A name that tells nothing about where the file comes from."""
    return f"{link.file.kind}-{link.id}{TYPES[link.file.media_type].extensions[0]}"


def shown_name(access: SetAccess, link: MediaLink) -> str:
    """What the file was called, for those who may know and for who attached it; else its public name."""
    is_own = link.author_id is not None and link.author_id == access.actor.user_id
    return link.name if is_own or access.can("private_names") else public_name(link)


def download_name(access: SetAccess, link: MediaLink, file: MediaFile) -> str:
    """What the file is called when it is saved: always with an end that fits its content."""
    extension = TYPES[file.media_type].extensions[0]
    return PurePath(shown_name(access, link)).stem + extension


def utc(moment: datetime) -> datetime:
    """A time from the database; SQLite forgets that it is UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
