"""What a study is made of, as values; kept as JSON in the study's row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from exact_core.agreement.studies.order import Assignment, Order

QUESTIONS = (
    "Overall impression of the software",
    "Adding, changing and deleting annotations was efficient",
    "Overall effectiveness of the work",
)
"""Those of the study that the paper on EXACT reports, graded from 1 (very good) to 6 (insufficient)."""

MOST_ARMS, MOST_QUESTIONS = 6, 6


@dataclass(frozen=True, slots=True)
class Source:
    """Where prepared annotations come from; what is left out does not narrow it down.

    Attributes:
        reader: Key of who made them; None: everybody.
        revision: The state of this revision of the set, as of a version; None: of the study's start.
        change_set: Only what this import or model run added.
    """

    reader: str | None = None
    revision: int | None = None
    change_set: int | None = None


@dataclass(frozen=True, slots=True)
class Arm:
    """A way to read: without anything, or with prepared annotations. ``label`` is their claimed author."""

    name: str
    source: Source | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class Design:
    """What was chosen; fixed once the study runs."""

    arms: tuple[Arm, ...]
    image_ids: tuple[int, ...]
    assignment: Assignment = "within"
    order: Order = "latin"
    questions: tuple[str, ...] = field(default=QUESTIONS)
    gold_id: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> Design:
        """The design of :meth:`to_json`."""
        arms = tuple(
            Arm(arm["name"], None if arm["source"] is None else Source(**arm["source"]), arm["label"])
            for arm in values["arms"]
        )
        return cls(
            arms,
            tuple(values["image_ids"]),
            values["assignment"],
            values["order"],
            tuple(values["questions"]),
            values["gold_id"],
        )
