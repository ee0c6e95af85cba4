"""What a version of an image set keeps: a list of all media attached in it, and the files themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from exact_core.api import AnnotationReader, Artefact, NotFound, VersionRecord
from exact_core.api.tables import core
from exact_media.service import public_name
from exact_media.tables import MediaFile, MediaKept, MediaLink

MANIFEST = "media.json"
_CHUNK = 500  # SQLite takes a limited number of parameters


def keep(session: Session, version: VersionRecord, reader: AnnotationReader) -> Sequence[Artefact]:
    """Note which files a version needs, and give the list of them to be kept with it.

    The list names contents by hash and annotations by uuid, so that it can be read without this plugin; names of files
    are public ones, since a version is read by people who may not see private names.
    """
    entries: list[dict[str, Any]] = []
    needed: set[int] = set()
    for start in range(0, len(version.image_ids), _CHUNK):
        for image_id, rows in _by_image(session, version.image_ids[start : start + _CHUNK]):
            drawn = [link.annotation_id for link, _ in rows if link.annotation_id is not None]
            seen = reader.seen(image_id, drawn) if drawn else frozenset()
            for link, uuid in rows:
                if link.annotation_id is None or link.annotation_id in seen:
                    needed.add(link.file_id)
                    entries.append(_entry(link, uuid))
    if not entries:
        return []
    session.add_all(MediaKept(version_id=version.version_id, file_id=file_id) for file_id in sorted(needed))
    session.flush()
    lines = ",\n".join(json.dumps(entry, sort_keys=True, separators=(",", ":")) for entry in entries)
    content = f'{{"format": "exact-media-1", "media": [\n{lines}\n]}}\n'.encode()
    told = f"{len(entries)} attached files, of which {len(needed)} differ"
    return [Artefact(MANIFEST, content, media_type="application/json", description=told)]


def _by_image(session: Session, image_ids: Sequence[int]) -> Iterator[tuple[int, list[tuple[MediaLink, str | None]]]]:
    query = (
        select(MediaLink, core.Annotation.uuid)
        .outerjoin(core.Annotation, core.Annotation.id == MediaLink.annotation_id)
        .where(MediaLink.image_id.in_(image_ids))
        .order_by(MediaLink.image_id, MediaLink.id)
        .options(joinedload(MediaLink.file))
    )
    current: list[tuple[MediaLink, str | None]] = []
    for link, uuid in session.execute(query):
        if current and current[0][0].image_id != link.image_id:
            yield current[0][0].image_id, current
            current = []
        current.append((link, uuid))
    if current:
        yield current[0][0].image_id, current


def _entry(link: MediaLink, uuid: str | None) -> dict[str, Any]:
    file = link.file
    return {
        "sha256": file.sha256,
        "name": public_name(link),
        "media_type": file.media_type,
        "size_bytes": file.size_bytes,
        "duration": file.duration,
        "image_id": link.image_id,
        "annotation_uuid": uuid,
    }


def kept_files(session: Session, image_set_id: int, version_id: int) -> Sequence[MediaFile]:
    """The files of a version that is there."""
    _require_version(session, image_set_id, version_id)
    query = select(MediaFile).join(MediaKept, MediaKept.file_id == MediaFile.id)
    return session.scalars(query.where(MediaKept.version_id == version_id).order_by(MediaFile.id)).all()


def kept_file(session: Session, image_set_id: int, version_id: int, sha256: str) -> MediaFile:
    """One file of a version, by its hash."""
    _require_version(session, image_set_id, version_id)
    query = select(MediaFile).join(MediaKept, MediaKept.file_id == MediaFile.id)
    file = session.scalar(query.where(MediaKept.version_id == version_id, MediaFile.sha256 == sha256))
    if file is None:
        raise NotFound(f"The version keeps no file with the hash {sha256}.")
    return file


def _require_version(session: Session, image_set_id: int, version_id: int) -> None:
    version = core.Version
    query = select(version.id).where(
        version.id == version_id, version.image_set_id == image_set_id, version.deleted_at.is_(None)
    )
    if session.scalar(query) is None:
        raise NotFound(f"There is no version {version_id} in this image set.")
