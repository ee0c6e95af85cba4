"""What changed, in words: of one annotation from one state to the next, and of a whole change set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from exact_core.annotations.geometry import Box
from exact_core.annotations.packing import unpack
from exact_core.annotations.scope import Frame
from exact_core.annotations.states import State
from exact_core.annotations.writing import BRINGS_BACK
from exact_core.storage.models import EVERY_FRAME

_AXES = (("z", "Focus plane"), ("t", "Time point"), ("c", "Channel"))
_LONGEST = 60
_MOST_PHRASES = 4
_MANY = {
    "import": "Imported",
    "model": "A model added",
    "restore": "Restored",
    "revert": "Set back",
    "undo": "Undid a change of",
    "redo": "Did again a change of",
}

Names = Mapping[int, str]
"""Names of annotation types."""


def of_shape(before: State | None, after: State | None, names: Names, *, is_new: bool) -> list[str]:
    """What happened to one annotation, one phrase for each thing: ``Moved by 12, −3 px``, ``grade: low → high``.

    Args:
        before: Its state before; None when it did not exist or was deleted.
        after: Its state after; None when it is deleted.
        names: Of the annotation types.
        is_new: Whether it never had a state before.
    """
    if after is None:
        return [f"Deleted {_name(before, names)}"]
    if before is None:
        return [f"Drew {_name(after, names)}" if is_new else f"Brought back {_name(after, names)}"]
    found = []
    if before.type_id != after.type_id:
        found.append(f"Relabelled {_name(before, names)} → {_name(after, names)}")
    if (before.shape, before.geometry) != (after.shape, after.geometry):
        found.append(_of_geometry(before, after))
    found += _of_frame(before.frame, after.frame)
    found += _of_text(before.text, after.text)
    found += _of_attributes(before.attributes, after.attributes)
    return found or ["Nothing"]


@dataclass(frozen=True, slots=True)
class Touched:
    """One annotation of a change set, without its outline."""

    annotation_id: int
    type_before: int | None
    type_after: int | None
    box_before: Box | None
    box_after: Box | None


def of_change_set(kind: str, touched: Iterable[Touched], names: Names) -> list[str]:
    """What a change set did, most frequent first: ``Drew 3 × Mitosis``, ``Deleted Cell``."""
    drew = "Brought back" if kind in BRINGS_BACK else "Drew"
    counts: Counter[tuple[str, str]] = Counter()
    for one in touched:
        before, after = one.type_before, one.type_after
        if after is None:
            counts["Deleted", _named(before, names)] += 1
        elif before is None:
            counts[drew, _named(after, names)] += 1
        elif before != after:
            counts["Relabelled", f"{_named(before, names)} → {_named(after, names)}"] += 1
        elif one.box_before != one.box_after:
            counts["Moved or reshaped", _named(after, names)] += 1
        else:
            counts["Changed", _named(after, names)] += 1
    phrases = [f"{verb} {name}" if n == 1 else f"{verb} {n:,} × {name}" for (verb, name), n in counts.most_common()]
    if len(phrases) > _MOST_PHRASES:
        rest = sum(counts.values()) - sum(n for _, n in counts.most_common(_MOST_PHRASES))
        phrases = [*phrases[:_MOST_PHRASES], f"and {rest:,} more"]
    return phrases or ["Nothing"]


def of_many(kind: str, n: int) -> list[str]:
    """What a change set did that is too large to look at each shape."""
    return [f"{_MANY.get(kind, 'Changed')} {n:,} shapes"]


def union(touched: Iterable[Touched]) -> Box | None:
    """Where a change set happened."""
    boxes = [box for one in touched for box in (one.box_before, one.box_after) if box is not None]
    if not boxes:
        return None
    corners = np.array(boxes, np.int64)
    low, high = corners[:, :2].min(axis=0).tolist(), corners[:, 2:].max(axis=0).tolist()
    return Box(*low, *high)


def _name(state: State | None, names: Names) -> str:
    return _named(state.type_id if state else None, names)


def _named(type_id: int | None, names: Names) -> str:
    return names.get(type_id or 0, "a shape")


def _of_geometry(before: State, after: State) -> str:
    if before.shape is not after.shape:
        return f"Changed from {before.shape.value.replace('_', ' ')} to {after.shape.value.replace('_', ' ')}"
    old, new = unpack(before.geometry), unpack(after.geometry)
    if old.ring_lengths == new.ring_lengths and old.ring_holes == new.ring_holes and len(old.vertices):
        steps = new.vertices / float(1 << new.fraction_bits) - old.vertices / float(1 << old.fraction_bits)
        if (steps == steps[0]).all():
            return f"Moved by {_number(steps[0][0])}, {_number(steps[0][1])} px"
    return "Reshaped"


def _number(value: Any) -> str:
    return f"{float(value):g}".replace("-", "−")


def _of_frame(before: Frame, after: Frame) -> list[str]:
    def said(value: int) -> str:
        return "all" if value == EVERY_FRAME else str(value)

    pairs = [(title, getattr(before, axis), getattr(after, axis)) for axis, title in _AXES]
    return [f"{title} {said(old)} → {said(new)}" for title, old, new in pairs if old != new]


def _of_text(before: str, after: str) -> list[str]:
    if before == after:
        return []
    if not after:
        return [f"Removed the remark “{_short(before)}”"]
    return [f"Remark: “{_short(before)}” → “{_short(after)}”" if before else f"Remark: “{_short(after)}”"]


def _of_attributes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    found = []
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) == after.get(name):
            continue
        old = f"{_value(before[name])} → " if name in before else ""
        found.append(f"{name}: {old}{_value(after[name]) if name in after else 'nothing'}")
    return found


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _short(value) if isinstance(value, str) else str(value)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
