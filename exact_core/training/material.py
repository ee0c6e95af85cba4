"""What a version offers for training: annotations of each type by image, and the parts of a split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exact_core.annotations.scope import ROWS
from exact_core.storage.models import Version, VersionImage, VersionSplit

TRAIN, VALIDATION, TEST = "train", "validation", "test"
PARTS = (TRAIN, VALIDATION, TEST)
"""Names that a split for training gives its parts; validation may be missing."""


@dataclass(frozen=True, slots=True)
class Amount:
    """How many annotations of one type lie in one image of a version."""

    image_id: int
    type_id: int
    count: int


def amounts_of(session: Session, version: Version) -> list[Amount]:
    """What each image of a version has of each annotation type, as of the version."""
    rows = ROWS.c
    images = select(VersionImage.image_id).where(VersionImage.version_id == version.id)
    counted = (
        select(rows.image_id, rows.type_id, func.count())
        .where(rows.image_id.in_(images), rows.valid_from <= version.revision, rows.valid_to > version.revision)
        .group_by(rows.image_id, rows.type_id)
        .order_by(rows.image_id, rows.type_id)
    )
    return [Amount(*row) for row in session.execute(counted)]


def by_part(amounts: Sequence[Amount], parts: Mapping[str, Sequence[int]]) -> dict[int, dict[str, int]]:
    """Annotations of each type in each part; what lies in images of no part is under ``""``."""
    part_of = {image_id: part for part, images in parts.items() for image_id in images}
    counts: Counter[tuple[int, str]] = Counter()
    for each in amounts:
        counts[each.type_id, part_of.get(each.image_id, "")] += each.count
    found: dict[int, dict[str, int]] = {}
    for (type_id, part), count in sorted(counts.items()):
        found.setdefault(type_id, {})[part] = count
    return found


def parts_of(split: VersionSplit) -> dict[str, tuple[int, ...]]:
    """The images of each part of a split."""
    return {part["name"]: tuple(part["image_ids"]) for part in split.parts}
