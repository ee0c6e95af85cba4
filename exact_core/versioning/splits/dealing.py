"""Dealing images out to parts: whole groups, by share, the same each time; and finding what lies in two parts.

What must stay together is a group: images that share a value of a kind of tag (``patient:12``), and images of the same
file. Groups are dealt from the largest to the smallest, each to the part that lacks most of its share; a seed orders
groups of one size.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from exact_core.api.errors import Invalid


@dataclass(frozen=True, slots=True)
class SplitImage:
    """An image as far as splitting is concerned.

    Attributes:
        image_id: Its number.
        checksum: Of its file; empty when it is not known.
        tags: As they were frozen; ``kind:value`` says that it belongs to a group.
    """

    image_id: int
    checksum: str
    tags: tuple[str, ...]

    def values(self, kind: str) -> frozenset[str]:
        """The groups of a kind that it belongs to."""
        pairs = (tag.partition(":") for tag in self.tags)
        return frozenset(
            value.strip().casefold()
            for name, colon, value in pairs
            if colon and value.strip() and name.strip().casefold() == kind.casefold()
        )


@dataclass(frozen=True, slots=True)
class Leak:
    """Something that is in more than one part.

    Attributes:
        kind: The kind of tag, or ``file`` for one file in two parts.
        value: Which patient, centre or checksum.
        parts: In which it is.
        image_ids: Its images.
    """

    kind: str
    value: str
    parts: tuple[str, ...]
    image_ids: tuple[int, ...]


FILE = "file"


def kinds_of(images: Iterable[SplitImage]) -> dict[str, int]:
    """Kinds of tags that could keep images together, each with how many groups it makes."""
    values: dict[str, set[str]] = defaultdict(set)
    for image in images:
        for tag in image.tags:
            kind, colon, value = tag.partition(":")
            if colon and kind.strip() and value.strip():
                values[kind.strip().casefold()].add(value.strip().casefold())
    return {kind: len(found) for kind, found in sorted(values.items())}


def groups_of(images: Sequence[SplitImage], kind: str) -> list[list[int]]:
    """Numbers of images that must stay together; who shares nothing with others is alone."""
    leader: dict[int, int] = {image.image_id: image.image_id for image in images}

    def find(image_id: int) -> int:
        while leader[image_id] != image_id:
            leader[image_id] = leader[leader[image_id]]
            image_id = leader[image_id]
        return image_id

    first: dict[tuple[str, str], int] = {}
    for image in images:
        shared = [(FILE, image.checksum)] if image.checksum else []
        shared += [(kind, value) for value in sorted(image.values(kind))] if kind else []
        for key in shared:
            leader[find(image.image_id)] = find(first.setdefault(key, image.image_id))
    groups: dict[int, list[int]] = defaultdict(list)
    for image in images:
        groups[find(image.image_id)].append(image.image_id)
    return [sorted(group) for group in groups.values()]


def deal(images: Sequence[SplitImage], shares: Mapping[str, float], kind: str, seed: str) -> dict[str, list[int]]:
    """Numbers of images by part.

    Args:
        images: All of the version.
        shares: What each part should get of the images; any positive numbers, only their ratio counts.
        kind: The kind of tag that keeps images together; empty for files only.
        seed: Orders groups of one size.

    Raises:
        Invalid: When there are fewer groups than parts.
    """
    groups = groups_of(images, kind)
    if len(groups) < len(shares):
        what = f"groups by {kind!r}" if kind else "images"
        raise Invalid(f"The version has {len(groups)} {what}, too few for {len(shares)} parts.")
    ordered = sorted(groups, key=lambda group: (-len(group), hashlib.sha256(f"{seed} {group[0]}".encode()).digest()))
    total = sum(shares.values())
    wanted = {part: share / total * len(images) for part, share in shares.items()}
    parts: dict[str, list[int]] = {part: [] for part in shares}
    for place, group in enumerate(ordered):
        empty = [part for part in parts if not parts[part]]
        # The last groups go to parts that have nothing yet, so that none is left empty.
        open_parts = empty if len(ordered) - place <= len(empty) else list(parts)
        most = max(open_parts, key=lambda part: wanted[part] - len(parts[part]))
        parts[most] += group
    return {part: sorted(found) for part, found in parts.items()}


def leaks_of(images: Sequence[SplitImage], parts: Mapping[str, Sequence[int]], kind: str) -> list[Leak]:
    """What lies in more than one part: groups of the kind, and files."""
    part_of = {image_id: part for part, found in parts.items() for image_id in found}
    seen: dict[tuple[str, str], list[int]] = defaultdict(list)
    for image in images:
        if image.image_id not in part_of:
            continue
        if image.checksum:
            seen[FILE, image.checksum].append(image.image_id)
        for value in image.values(kind) if kind else ():
            seen[kind, value].append(image.image_id)
    found = []
    for (name, value), image_ids in sorted(seen.items()):
        where = tuple(part for part in parts if any(part_of[image_id] == part for image_id in image_ids))
        if len(where) > 1:
            found.append(Leak(name, value, where, tuple(image_ids)))
    return found


def shared_kinds(images: Sequence[SplitImage], parts: Mapping[str, Sequence[int]]) -> dict[str, tuple[int, int]]:
    """Of each kind of tag: how many of its groups lie in more than one part, and how many there are."""
    part_of = {image_id: part for part, found in parts.items() for image_id in found}
    where: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for kind in kinds_of(images):
        for image in images:
            for value in image.values(kind):
                if image.image_id in part_of:
                    where[kind][value].add(part_of[image.image_id])
    return {
        kind: (sum(len(found) > 1 for found in values.values()), len(values)) for kind, values in sorted(where.items())
    }


def checked_parts(images: Sequence[SplitImage], parts: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
    """Parts that somebody gives: every image of them is in the version, and in one part only.

    Raises:
        Invalid: When it is not.
    """
    known = {image.image_id for image in images}
    counted = Counter(image_id for found in parts.values() for image_id in found)
    strange = sorted(image_id for image_id in counted if image_id not in known)
    if strange:
        raise Invalid(f"Not among the images of the version: {', '.join(map(str, strange[:10]))}.")
    twice = sorted(image_id for image_id, count in counted.items() if count > 1)
    if twice:
        raise Invalid(f"In more than one part, or twice in one: {', '.join(map(str, twice[:10]))}.")
    if not all(parts.values()):
        raise Invalid("Every part needs an image.")
    return {part: sorted(found) for part, found in parts.items()}
