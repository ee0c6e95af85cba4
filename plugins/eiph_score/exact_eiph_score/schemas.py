"""What the score's routes answer."""

from __future__ import annotations

from pydantic import BaseModel, Field

from exact_eiph_score.score import MAXIMUM, Score


class ScoreAnswer(BaseModel):
    """The score of a region."""

    value: float | None = Field(description="0 to 400; null without graded cells.")
    maximum: float = MAXIMUM
    counts: list[int] = Field(description="Cells of grade 0 to 4.")
    total: int = Field(description="Graded cells.")
    minimum: int = Field(description="Cells that a certain score needs.")
    is_certain: bool
    warning: str

    @classmethod
    def of(cls, score: Score) -> ScoreAnswer:
        """The answer for a score."""
        return cls(
            value=score.value,
            counts=list(score.counts),
            total=score.total,
            minimum=score.minimum,
            is_certain=score.is_certain,
            warning=score.warning,
        )
