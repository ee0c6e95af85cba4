"""Settings of the score in one image set; the settings page is drawn from this model."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

GRADES = range(5)
"""Grades of a macrophage, 0 (no haemosiderin) to 4 (full of it)."""


class EiphSettings(BaseModel):
    """Which annotation types mean which grade, and how many cells a score needs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    grade_0: str = Field(default="0, Grade 0", title="Types of grade 0", description="Names, separated by commas.")
    grade_1: str = Field(default="1, Grade 1", title="Types of grade 1", description="Names, separated by commas.")
    grade_2: str = Field(default="2, Grade 2", title="Types of grade 2", description="Names, separated by commas.")
    grade_3: str = Field(default="3, Grade 3", title="Types of grade 3", description="Names, separated by commas.")
    grade_4: str = Field(default="4, Grade 4", title="Types of grade 4", description="Names, separated by commas.")
    minimum_cells: int = Field(
        default=300,
        ge=1,
        le=100_000,
        title="Cells that a score needs",
        description="With fewer graded cells the score is shown with a warning.",
    )
    heat_map_minimum: int = Field(
        default=2,
        ge=1,
        le=1000,
        title="Cells that a heat map square needs",
        description="Squares with fewer graded cells stay clear.",
    )

    def grade_of(self, type_name: str) -> int | None:
        """The grade that an annotation type stands for, or None; capitals and spaces around do not matter."""
        wanted = type_name.strip().lower()
        return next((grade for grade in GRADES if wanted in self.names_of(grade)), None)

    def names_of(self, grade: int) -> frozenset[str]:
        """Names of types that stand for a grade, in small letters."""
        names: str = getattr(self, f"grade_{grade}")
        return frozenset(name.strip().lower() for name in names.split(",") if name.strip())
