"""Which part a sample belongs to: pure functions of its group, so that a patient is never on both sides (ml-spec 0.2).

Three ways, and when to take which:

* A split that is kept with the version (*Versions -> Splits*): its lists are the truth; ``versions.split_of`` reads it.
* :func:`part_of_group`: no list, by the group's name only; images added later never move old ones.
* :func:`stratified`: exact shares of every class; its list goes into the model card.

Groups are those of the platform, by ``exact_core.versioning.splits.dealing.groups_of``: a tag ``patient:12`` and copies
of one file keep images together, here as on the pages.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exact_core.api.errors import Invalid
from exact_core.versioning.splits.dealing import SplitImage, groups_of

SHARES: Mapping[str, float] = {"train": 0.7, "validation": 0.15, "test": 0.15}
FEWEST_GROUPS = 3


def position(group: str, seed: int) -> float:
    """Where a group lies between 0 and 1: ``int(sha256("<seed>:<group>")[:8], 16) / 2**32``."""
    return int(hashlib.sha256(f"{seed}:{group}".encode()).hexdigest()[:8], 16) / 2**32


def part_of_group(group: str, seed: int, shares: Mapping[str, float] = SHARES) -> str:
    """The part of a group, whatever else there is.

    Args:
        group: Name of the patient, specimen or scene.
        seed: Another seed makes another split.
        shares: Of each part; only their ratio counts.

    Raises:
        Invalid: A share is negative, or all are 0.
    """
    total = sum(shares.values())
    if not shares or total <= 0 or min(shares.values()) < 0:
        raise Invalid(f"The shares {dict(shares)} are none: each must be 0 or more, and one above.")
    place, reached = position(group, seed) * total, 0.0
    for part, share in shares.items():
        reached += share
        if place < reached:
            return part
    return [part for part, share in shares.items() if share > 0][-1]  # rounding, at the very end


def group_names(images: Sequence[SplitImage], kind: str) -> dict[int, str]:
    """A name for the group of each image that does not depend on which other images of the group there are.

    It is the smallest value of the tag in the group, else the smallest checksum, else the number of the image. Two
    groups that a new image joins become one; nothing else changes a name.

    Args:
        images: With tags and checksums.
        kind: The kind of tag that keeps images together; empty for files only.
    """
    by_id = {image.image_id: image for image in images}
    names: dict[int, str] = {}
    for group in groups_of(images, kind):
        values = sorted({value for one in group for value in by_id[one].values(kind)}) if kind else []
        files = sorted({by_id[one].checksum for one in group} - {""})
        name = f"{kind}:{values[0]}" if values else f"file:{files[0]}" if files else f"image:{group[0]}"
        names |= dict.fromkeys(group, name)
    return names


@dataclass(frozen=True, slots=True)
class Stratified:
    """A split that follows the classes.

    Attributes:
        parts: The part of each group; goes into the model card.
        small: Classes with too few groups to be in every part; all their groups are in the first part.
        counts: Of each part, ``(classes,)`` samples.
    """

    parts: Mapping[str, str]
    small: tuple[int, ...]
    counts: Mapping[str, NDArray[np.int64]]


def stratified(
    groups: Sequence[str], labels: Sequence[int], classes: int, seed: int, shares: Mapping[str, float] = SHARES
) -> Stratified:
    """Deal whole groups out so that every part gets its share of every class, as nearly as groups allow.

    The rarest class is dealt first, its largest groups first, each to the part that lacks most of that class. Sechidis
    et al., ECML 2011 (iterative stratification), for groups. Classes with fewer than 3 groups go to the first part.

    Args:
        groups: ``(n,)`` group of each sample.
        labels: ``(n,)`` class of each sample.
        classes: How many there are.
        seed: Orders what is equal.
        shares: Of each part; the first is the training part.

    Raises:
        Invalid: There are fewer groups than parts.
    """
    table = _counted(groups, labels, classes)
    if len(table) < len(shares):
        raise Invalid(f"There are {len(table)} groups, too few for {len(shares)} parts.")
    names = sorted(table, key=lambda group: position(group, seed))
    spread = (np.stack(list(table.values())) > 0).sum(0)
    small = np.flatnonzero((spread > 0) & (spread < FEWEST_GROUPS))
    lacking = _Lacking(shares, np.stack(list(table.values())).sum(0))
    for name in names:
        if table[name][small].any():
            lacking.give(name, table[name], next(iter(shares)))
    while left := [name for name in names if name not in lacking.parts]:
        waiting = (np.stack([table[name] for name in left]) > 0).sum(0)
        rarest = int(min(np.flatnonzero(waiting), key=lambda one: waiting[one]))
        name = max(left, key=lambda group: table[group][rarest])
        lacking.give(name, table[name], lacking.most(rarest, len(left)))
    counts = {part: np.zeros(classes, np.int64) for part in shares}
    for name, part in lacking.parts.items():
        counts[part] += table[name]
    return Stratified(lacking.parts, tuple(int(one) for one in small), counts)


class _Lacking:
    """What each part still lacks of each class, and what was dealt."""

    def __init__(self, shares: Mapping[str, float], total: NDArray[np.int64]) -> None:
        whole = sum(shares.values())
        self._classes = {part: share / whole * total for part, share in shares.items()}
        self.parts: dict[str, str] = {}

    def give(self, name: str, samples: NDArray[np.int64], part: str) -> None:
        self.parts[name] = part
        self._classes[part] = self._classes[part] - samples

    def most(self, label: int, left: int) -> str:
        """The part that lacks most of a class; the last groups go to parts that have nothing yet."""
        empty = [part for part in self._classes if part not in self.parts.values()]
        candidates = empty if left <= len(empty) else list(self._classes)
        return max(candidates, key=lambda part: (self._classes[part][label], self._classes[part].sum()))


def _counted(groups: Sequence[str], labels: Sequence[int], classes: int) -> dict[str, NDArray[np.int64]]:
    """Samples of each class by group."""
    table: dict[str, NDArray[np.int64]] = {}
    for group, label in zip(groups, labels, strict=True):
        table.setdefault(group, np.zeros(classes, np.int64))[label] += 1
    return table
