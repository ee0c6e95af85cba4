"""The manifest of a version: everything in it as lines of canonical JSON, hashed and signed by the instance.

The same version gives the same lines, byte for byte. They are kept gzipped; hash and signature are of the lines
themselves, so that they do not depend on a compressor.
"""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, BinaryIO

from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.annotations.digest import canonical_json
from exact_core.annotations.packing import unpack_many
from exact_core.annotations.scope import ImageFacts, ReadScope
from exact_core.annotations.streaming import StreamedAnnotation, stream
from exact_core.storage.models import ImageSet, User, Version, VersionImage
from exact_core.versioning.freezing import frozen_of
from exact_core.versioning.verified import VERDICT, states_said, verdicts_said

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager

FORM = 2
MEDIA_TYPE = "application/jsonl+gzip"
_BATCH = 2_000
_PIECE = 1024 * 1024
_IMAGE_FIELDS = (
    "position", "name", "status", "width", "height", "size_z", "size_t", "size_c", "mpp_x", "mpp_y", "checksum",
    "content_version", "has_private_name", "has_label_picture", "review_state",
)  # fmt: skip


@dataclass(slots=True)
class Tally:
    """What writing the lines found out on the way."""

    annotations: int = 0
    verifications: int = 0
    digest: str = ""
    people: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Check:
    """Whether a manifest can be trusted.

    Attributes:
        state: ``pending``, ``ready`` or ``failed``, as the version says.
        file: Whether the file is there and has the hash that was written down.
        signature: Whether this instance signed that hash for this version.
        annotations: Whether the database still gives the same lines; None when that was not looked at.
    """

    state: str
    file: bool
    signature: bool
    annotations: bool | None = None

    @property
    def holds(self) -> bool:
        """Whether everything that was looked at is as it should be."""
        return self.state == "ready" and self.file and self.signature and self.annotations is not False


def lines(
    read: Callable[[], AbstractContextManager[Session]], version_id: int, tally: Tally, tell: Callable[[float], None]
) -> Iterator[bytes]:
    """The lines of a version's manifest, in constant memory.

    Args:
        read: Opens a session that only reads; each image has one of its own.
        version_id: The version.
        tally: Filled while the lines come, complete after the last.
        tell: Called with how much is done, 0 to 1; may raise to stop.
    """
    with read() as session:
        version = session.get_one(Version, version_id)
        image_set = session.get_one(ImageSet, version.image_set_id)
        frozen = frozen_of(session, version_id)
        images = list(
            session.scalars(
                select(VersionImage).where(VersionImage.version_id == version_id).order_by(VersionImage.image_id)
            )
        )
        session.expunge_all()
    yield _line(
        "version",
        form=FORM,
        id=version.id,
        image_set_id=version.image_set_id,
        name=version.name,
        revision=version.revision,
        content_digest=version.content_digest,
        creator=version.creator_name,
        created_at=_time(version.created_at),
    )
    yield _line("content", **frozen.content)
    people: set[int] = set()
    for number, image in enumerate(images):
        yield _line("image", id=image.image_id, **{name: getattr(image, name) for name in _IMAGE_FIELDS})
        with read() as session:
            scope = _everything(image, image_set, version.revision)
            found = stream(session, scope)
            while batch := list(islice(found, _BATCH)):
                people.update(id_ for one in batch for id_ in (one.author_id, one.editor_id) if id_ is not None)
                tally.annotations += len(batch)
                yield _annotation_lines(batch)
                tell(number / len(images))
            for said in chain(states_said(session, scope), verdicts_said(session, scope)):
                people.add(said["reader"])
                tally.verifications += said["line"] == VERDICT
                yield canonical_json(said).encode() + b"\n"
        tell((number + 1) / len(images))
    tally.people = frozenset(people)
    with read() as session:
        yield _line("people", **{str(id_): name for id_, name in sorted(_names(session, version_id, people).items())})
    yield _line("end", images=len(images), annotations=tally.annotations, verifications=tally.verifications)


def write(found: Iterable[bytes], target: BinaryIO, tally: Tally) -> None:
    """Pack lines into a file and note their hash."""
    digest = hashlib.sha256()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=5, fileobj=target, mtime=0) as packed:
        for part in found:
            digest.update(part)
            packed.write(part)
    tally.digest = digest.hexdigest()


def digest_of(found: Iterable[bytes]) -> str:
    """The hash of lines."""
    digest = hashlib.sha256()
    for part in found:
        digest.update(part)
    return digest.hexdigest()


def signature(secret: bytes, version: Version, digest: str) -> str:
    """What this instance signs: that this version has a manifest of this hash."""
    text = f"exact version manifest:{FORM}:{version.id}:{version.content_digest}:{digest}"
    return hmac.digest(secret, text.encode(), "sha256").hex()


def check(secret: bytes, version: Version, open_file: Callable[[], BinaryIO]) -> Check:
    """Hash the kept file again and compare hash and signature."""
    if version.manifest_state != "ready":
        return Check(version.manifest_state, file=False, signature=False)
    is_signed = hmac.compare_digest(version.manifest_signature, signature(secret, version, version.manifest_digest))
    try:
        with open_file() as file, gzip.open(file) as unpacked:
            pieces = iter(lambda: unpacked.read(_PIECE), b"")
            is_same = hmac.compare_digest(digest_of(pieces), version.manifest_digest)
    except (OSError, EOFError):
        is_same = False
    return Check(version.manifest_state, is_same, is_signed)


def _everything(image: VersionImage, image_set: ImageSet, revision: int) -> ReadScope:
    """Everybody's annotations of an image at the version's revision: the manifest is the whole truth."""
    facts = ImageFacts(
        image.image_id, image_set.id, image.name, image.width, image.height, image.size_z, image.size_t, image.size_c,
        image_set.mode, image_set.is_locked, image_set.revision,
    )  # fmt: skip
    return ReadScope(facts, None, revision)


def _names(session: Session, version_id: int, people: set[int]) -> dict[int, str]:
    """What people are called: as it was frozen, else as it is now."""
    frozen = frozen_of(session, version_id).people
    found = {id_: frozen[id_] for id_ in people if id_ in frozen}
    missing = sorted(people - found.keys())
    for start in range(0, len(missing), 500):
        chosen = select(User.id, User.display_name, User.name).where(User.id.in_(missing[start : start + 500]))
        found |= {id_: display_name or name for id_, display_name, name in session.execute(chosen)}
    return found


def _line(kind: str, **values: Any) -> bytes:
    return canonical_json({"line": kind, **values}).encode() + b"\n"


def _annotation_lines(batch: list[StreamedAnnotation]) -> bytes:
    """Lines of many annotations; their vertices are unpacked together."""
    columns = unpack_many([one.packed for one in batch])
    vertices = columns.vertices.tolist() if columns.fraction_bits is None else _shortest(columns.xy.tolist())
    ring_start, lengths, holes = columns.ring_start.tolist(), columns.ring_length.tolist(), columns.ring_hole.tolist()
    parts, vertex = [], 0
    for number, one in enumerate(batch):
        rings = []
        for ring in range(ring_start[number], ring_start[number + 1]):
            rings.append(vertices[vertex : vertex + lengths[ring]])
            vertex += lengths[ring]
        own_holes = [
            place for place, is_hole in enumerate(holes[ring_start[number] : ring_start[number + 1]]) if is_hole
        ]
        parts.append(
            json.dumps(
                {
                    "attributes": json.loads(canonical_json(one.attributes)) if one.attributes else {},
                    "author": one.author_id,
                    "claimed_author": one.claimed_author,
                    "created_at": _time(one.created_at),
                    "edited_at": _time(one.edited_at),
                    "editor": one.editor_id,
                    "frame": [*_frame(one)],
                    "holes": own_holes,
                    "id": one.id,
                    "image": one.image_id,
                    "line": "annotation",
                    "revision": one.revision,
                    "rings": rings,
                    "shape": one.shape.value,
                    "text": one.text,
                    "type": one.type_id,
                    "uuid": one.uuid,
                },
                separators=(",", ":"),
            )
        )
    return ("\n".join(parts) + "\n").encode()


def _shortest(places: list[list[float]]) -> list[list[float]]:
    """Coordinates as they are written: whole ones without a fraction, whatever else is in the batch."""
    return [[int(value) if value.is_integer() else value for value in place] for place in places]


def _frame(one: StreamedAnnotation) -> tuple[int, int, int]:
    return one.frame.z, one.frame.t, one.frame.c


def _time(at: Any) -> str:
    return str(at.isoformat()).replace("+00:00", "Z")
