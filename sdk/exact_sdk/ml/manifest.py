"""The data of a training: a frozen version as images with their annotations, and a checksum of it (ml-spec 0.2)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from exact_core.api.errors import Conflict
from exact_core.versioning.splits.dealing import SplitImage

Verdict = Literal["unverified", "outdated", "accepted", "rejected", "dubious"]


@dataclass(frozen=True, slots=True)
class Annotation:
    """A shape of a version, in continuous level-0 pixels.

    Attributes:
        id: Its permanent number.
        uuid: Its permanent identity.
        type_id: Number of its annotation type.
        label: Name of its annotation type.
        product: Name of the product of the type.
        shape: ``box``, ``polygon``, ...; see ``docs/architecture.md``.
        rings: Vertices ``(x, y)`` of each ring.
        holes: Which rings are holes.
        frame: z, t and c; -1 for all.
        author: Number of who drew it.
        claimed_author: Who is said to have made it, such as a model.
        verdict: What the last verdict on it says.
    """

    id: int
    uuid: str
    type_id: int
    label: str
    product: str
    shape: str
    rings: tuple[tuple[tuple[float, float], ...], ...]
    holes: tuple[int, ...] = ()
    frame: tuple[int, int, int] = (0, 0, -1)
    author: int | None = None
    claimed_author: str = ""
    verdict: Verdict = "unverified"


@dataclass(frozen=True, slots=True)
class ManifestImage:
    """An image of a version.

    Attributes:
        id: Its permanent number.
        name: Its public name.
        sha256: Of its file; empty when it is not known.
        width: In level-0 pixels.
        height: In level-0 pixels.
        sizes: Number of focal planes, time points and channels.
        mpp: Micrometres per pixel, horizontally and vertically; None when nobody knows.
        tags: ``kind:value`` says that it belongs to a group.
        is_complete: Whether everything on it is annotated, so that what is not is background.
        annotations: By their numbers.
    """

    id: int
    name: str
    sha256: str
    width: int
    height: int
    sizes: tuple[int, int, int] = (1, 1, 1)
    mpp: tuple[float | None, float | None] = (None, None)
    tags: tuple[str, ...] = ()
    is_complete: bool = False
    annotations: tuple[Annotation, ...] = ()

    @property
    def for_splitting(self) -> SplitImage:
        """The image as the splits of the platform see it."""
        return SplitImage(self.id, self.sha256, self.tags)


@dataclass(frozen=True, slots=True)
class DataManifest:
    """Everything that a training is given.

    Attributes:
        version_id: The version.
        name: Its name.
        image_set_id: The image set.
        image_set: Name of it.
        revision: Of the set.
        content_digest: What the version itself says that it holds.
        images: By their numbers.
    """

    version_id: int
    name: str
    image_set_id: int
    image_set: str
    revision: int
    content_digest: str
    images: tuple[ManifestImage, ...]

    def lines(self) -> Iterator[bytes]:
        """Canonical JSON: the version, then a line for each image."""
        facts = {key: getattr(self, key) for key in _FACTS}
        yield _line(facts)
        for image in self.images:
            yield _line(asdict(image))

    @property
    def sha256(self) -> str:
        """Checksum of the lines; the model card names it, and a training that goes on compares it."""
        digest = hashlib.sha256()
        for line in self.lines():
            digest.update(line)
        return digest.hexdigest()

    def checked(self, sha256: str) -> DataManifest:
        """The same, when it is what a model was trained on.

        Raises:
            Conflict: It is not.
        """
        if self.sha256 != sha256:
            raise Conflict(
                f"The version {self.name!r} gives the data {self.sha256[:12]}, but {sha256[:12]} was used before: "
                "images or annotations differ, or what counts as complete. Train from the beginning."
            )
        return self

    def completed(self, image_ids: Iterable[int]) -> DataManifest:
        """The same with other images said to be complete, where the states of images do not tell."""
        chosen = frozenset(image_ids)
        images = tuple(replace(image, is_complete=image.id in chosen) for image in self.images)
        return replace(self, images=images)

    def counts(self) -> dict[str, int]:
        """Annotations of each label."""
        found: dict[str, int] = {}
        for image in self.images:
            for annotation in image.annotations:
                found[annotation.label] = found.get(annotation.label, 0) + 1
        return dict(sorted(found.items()))


_FACTS = ("version_id", "name", "image_set_id", "image_set", "revision", "content_digest")


def _line(value: Mapping[str, Any]) -> bytes:
    return (
        json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode() + b"\n"
    )
