"""The score itself: arithmetic on counts, nothing of EXACT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MAXIMUM = 400.0
"""The score of a sample in which every macrophage has grade 4."""


@dataclass(frozen=True, slots=True)
class Score:
    """The score of some cells.

    Attributes:
        counts: Cells per grade, index 0 to 4.
        value: 0 to 400; None without a graded cell.
        is_certain: Whether there are enough cells for the published protocol.
        minimum: How many that would be.
    """

    counts: tuple[int, ...]
    value: float | None
    is_certain: bool
    minimum: int

    @property
    def total(self) -> int:
        """Graded cells."""
        return sum(self.counts)

    @property
    def warning(self) -> str:
        """What the reader must know about the value; empty when nothing."""
        if self.value is None:
            return "No graded cells here."
        if not self.is_certain:
            return f"Only {self.total} of {self.minimum} cells: read this score with care."
        return ""


def doucet_score(counts: Sequence[int], minimum: int) -> Score:
    """Score cells by the method of Doucet and Viel, J Vet Intern Med 16, 281-286 (2002).

    ``100 * sum(grade * n_grade) / N``: the mean grade of the ``N`` graded cells, times one hundred.

    Args:
        counts: Number of cells of grade 0, 1, 2, 3, 4. Cells without a grade are not among them and never enlarge N.
        minimum: Cells from which the score counts as certain; the protocol asks for 300.

    Raises:
        ValueError: When there are not five counts, or one is negative.
    """
    if len(counts) != 5 or min(counts) < 0:
        raise ValueError(f"five counts of 0 or more are needed, one per grade, not {list(counts)}")
    total = sum(counts)
    value = 100.0 * sum(grade * count for grade, count in enumerate(counts)) / total if total else None
    return Score(tuple(counts), value, total >= minimum, minimum)
