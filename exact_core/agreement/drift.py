"""How readers do against a reference over time: in days, weeks, months, or rounds.

A reader may see their own figures, without any image, once a manager has released them and the set is not blind.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exact_core.agreement.access import Everything
from exact_core.agreement.comparison import Compared
from exact_core.agreement.figures import Resampling, finite
from exact_core.agreement.gold import Gold
from exact_core.agreement.measures.matching import f1, precision, recall
from exact_core.agreement.measures.trend import Trend, trend
from exact_core.agreement.parts import Floats, detection_parts, hit_cells, mark_counts
from exact_core.agreement.readers import Reader, key_of
from exact_core.agreement.readings import Readings
from exact_core.agreement.rules import MatchRule
from exact_core.annotations.scope import ROWS
from exact_core.api.context import Actor
from exact_core.storage.models import LIVE, Annotation

Window = Literal["day", "week", "month", "round"]


@dataclass(frozen=True, slots=True)
class InWindow:
    """Counts of one stretch."""

    window: str
    images: int
    hits: int
    extra: int
    missed: int

    def to_json(self) -> dict[str, Any]:
        """With the shares that follow."""
        return {
            "window": self.window,
            "images": self.images,
            "hits": self.hits,
            "extra": self.extra,
            "missed": self.missed,
            **shares(self.hits, self.extra, self.missed),
        }


@dataclass(frozen=True, slots=True)
class Drift:
    """One reader against a reference."""

    reader: Reader
    images: int
    total: InWindow
    low: float | None
    high: float | None
    windows: tuple[InWindow, ...]
    trend: Trend | None

    def to_json(self) -> dict[str, Any]:
        """The form that the API answers."""
        ends = {"low": self.low, "high": self.high}
        return {
            "reader": self.reader.key,
            "name": self.reader.name,
            "images": self.images,
            **shares(self.total.hits, self.total.extra, self.total.missed),
            **ends,
            "windows": [each.to_json() for each in self.windows],
            "trend": None if self.trend is None else {"z": self.trend.z, "p": self.trend.p, "slope": self.trend.slope},
        }


def shares(hits: int, extra: int, missed: int) -> dict[str, float | None]:
    """F1, precision and recall; None where they are not defined."""
    values = {"f1": f1(hits, extra, missed), "precision": precision(hits, extra), "recall": recall(hits, missed)}
    return {name: finite(float(value)) for name, value in values.items()}


def drift_of(session: Session, compared: Compared | None, window: Window, resampling: Resampling) -> list[Drift]:
    """How each reader does against the reference, over time.

    Args:
        session: Where to read when somebody worked.
        compared: What :meth:`Gold.against` gave.
        window: How time is cut.
        resampling: How intervals are made.
    """
    if compared is None:
        return []
    readings = compared.readings
    counts, cells = mark_counts(readings, compared.usable), hit_cells(readings, compared.matched)
    last = len(readings.readers) - 1
    labels = _windows(session, readings, window)
    found = []
    for number, reader in enumerate(readings.readers[:-1]):
        parts = detection_parts(readings, counts, cells, number, last).sum(axis=2)
        found.append(_drift(reader, parts, readings.has_read[:, number], labels[number], resampling))
    return [each for each in found if each.images]


def own_figures(session: Session, everything: Everything, actor: Actor, resampling: Resampling) -> list[Drift]:
    """What somebody may know of themselves: their figures against released references, in weeks, without images."""
    gold = Gold(session, everything)
    key = f"user:{actor.user_id}"
    found = []
    for each in gold.all():
        if each.released_at is not None:
            found += drift_of(session, gold.against(each, MatchRule()), "week", resampling)
    return [drift for drift in found if drift.reader.key == key]


def _windows(session: Session, readings: Readings, window: Window) -> list[list[str]]:
    """For each reader the window of each image: when they last changed something there, or the image's round."""
    if window == "round":
        return [[image.group("round:") for image in readings.images]] * len(readings.readers)
    image_ids = [image.id for image in readings.images]
    row = ROWS.c
    query = (
        select(
            row.image_id, row.author_id, Annotation.claimed_author, func.max(row.edited_at, type_=row.edited_at.type)
        )
        .join(Annotation, Annotation.id == row.annotation_id)
        .where(row.image_id.in_(image_ids), row.valid_to == LIVE)
        .group_by(row.image_id, row.author_id, Annotation.claimed_author)
    )
    times: dict[tuple[int, str], datetime] = {}
    for image_id, author_id, claimed, at in session.execute(query):
        who = (image_id, key_of(author_id, claimed))
        times[who] = max(at, times.get(who, at))
    return [[_label(times.get((i, reader.key)), window) for i in image_ids] for reader in readings.readers]


def _drift(
    reader: Reader,
    parts: Floats,
    has_read: NDArray[np.bool_],
    labels: Sequence[str],
    resampling: Resampling,
) -> Drift:
    groups: Mapping[str, list[int]] = defaultdict(list)
    for image in np.flatnonzero(has_read).tolist():
        groups[labels[image]].append(image)
    windows = tuple(_in_window(label, parts[groups[label]]) for label in sorted(groups) if label)
    read = parts[has_read]
    ends = resampling.intervals({"f1": lambda sums: f1(sums[..., 0], sums[..., 1], sums[..., 2])}, read)["f1"]
    moving = trend([each.hits for each in windows], [each.hits + each.extra + each.missed for each in windows])
    return Drift(reader, len(read), _in_window("", read), ends.low, ends.high, windows, moving)


def _in_window(label: str, parts: Floats) -> InWindow:
    hits, extra, missed = parts.sum(axis=0).astype(int).tolist()
    return InWindow(label, len(parts), hits, extra, missed)


def _label(at: datetime | None, window: Window) -> str:
    if at is None:
        return ""
    day = at.date()
    if window == "month":
        return f"{day:%Y-%m}"
    return (day - timedelta(days=day.weekday()) if window == "week" else day).isoformat()
