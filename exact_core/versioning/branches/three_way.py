"""The decision of a merge for one object: what it was on both sides once, what it is on each, what it shall be.

No database and no geometry: an object is a mapping of the names of its fields to their values, or None where it is
not there. A field is taken or left as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

Content: TypeAlias = Mapping[str, Any]
"""The fields of an object that is there; a field that it lacks is not among them."""

WHOLE = "object"
"""Names the conflict of a deletion with a change, and that of two different objects of one name."""

_LACKING = object()


class Take(StrEnum):
    """Which side wins where both changed the same."""

    OURS = "ours"
    THEIRS = "theirs"


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge comes to.

    Attributes:
        content: The object; None when it is not there. Where there are conflicts, with the side that wins them.
        conflicts: The fields that both sides changed differently, in order; :data:`WHOLE` when one side deleted what
            the other changed.
    """

    content: Content | None
    conflicts: tuple[str, ...] = ()


def merge(base: Content | None, ours: Content | None, theirs: Content | None, take: Take | str = Take.OURS) -> Merged:
    """Merge one object.

    Args:
        base: As it was when both sides held the same; None when it was not there.
        ours: As it is where the result goes.
        theirs: As it is where the changes come from.
        take: The side that wins conflicts.
    """
    if theirs in (base, ours):
        return Merged(ours)
    if ours == base:
        return Merged(theirs)
    if base is None or ours is None or theirs is None:
        return Merged(theirs if take == Take.THEIRS else ours, (WHOLE,))
    content: dict[str, Any] = {}
    conflicts = []
    for name in sorted(base.keys() | ours.keys() | theirs.keys()):
        was, own, other = (side.get(name, _LACKING) for side in (base, ours, theirs))
        chosen = own
        if other not in (was, own):
            if own != was:
                conflicts.append(name)
            if own == was or take == Take.THEIRS:
                chosen = other
        if chosen is not _LACKING:
            content[name] = chosen
    return Merged(content, tuple(conflicts))
