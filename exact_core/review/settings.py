"""The settings of an image set's mode: a checked value, kept as JSON beside the mode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

UserId = Annotated[int, Field(ge=1, le=2**53)]
ItemKind = Literal["image", "region", "annotation"]
Reveal = Literal["never", "item_done", "own_done"]
RuleKind = Literal["detection", "class", "count", "always", "never"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StopRule(_Part):
    """When readers agree, so that an item needs no decision."""

    kind: RuleKind = Field(
        "detection",
        description="detection: every shape has a counterpart in the work of every other reader. class: the same "
        "classes. count: as many shapes of each class, give or take. always: every item is decided by an "
        "adjudicator. never: nothing is compared.",
    )
    distance_um: float | None = Field(
        None, gt=0, le=100_000, allow_inf_nan=False, description="Centres at most so far apart are the same object."
    )
    iou: float | None = Field(
        None, gt=0, le=1, allow_inf_nan=False, description="Or: areas that overlap at least so much are."
    )
    same_class: bool = Field(True, description="Counterparts must have the same class, too.")
    unmatched: int = Field(0, ge=0, le=1_000_000, description="So many shapes without counterpart are still agreement.")
    count_difference: int = Field(0, ge=0, le=1_000_000, description="Of each class, for the rule count.")

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if self.kind == "detection" and (self.distance_um is None) == (self.iou is None):
            raise ValueError("say either distance_um or iou: by which of them are two shapes the same object?")
        return self


class SecondOpinion(_Part):
    """How many people read each item, and what happens when they are done."""

    items: ItemKind = Field("image", description="What is read: whole images, regions of them, or single shapes.")
    readers_per_item: int = Field(2, ge=1, le=20, description="N of the M readers.")
    readers: list[UserId] = Field(
        default=[], max_length=500, description="The M readers that items are spread over; none: who may annotate."
    )
    quota: int | None = Field(None, ge=1, le=10_000_000, description="Most items per reader.")
    self_assign: bool = Field(
        True, description="A reader who begins an item that still lacks readers becomes one of them."
    )
    rule: StopRule = StopRule(kind="detection", distance_um=10.0)
    reveal: Reveal = Field(
        "item_done",
        description="When a reader sees what the others of an item did. item_done: when the item is closed, by "
        "agreement or decision. own_done: as soon as they are done themselves, after which they cannot change it. "
        "never: not before the set is unblinded.",
    )
    show_names: bool = Field(False, description="Whether adjudicators, and readers after the reveal, see who is who.")


class Cooperative(_Part):
    """Everybody sees and improves the same annotations."""

    owner_verifies: bool = Field(False, description="What somebody draws is accepted by them at once.")


class ModeSettings(_Part):
    """Settings of all modes: those of the others wait until the mode is chosen again."""

    cooperative: Cooperative = Cooperative()
    second_opinion: SecondOpinion = SecondOpinion()
    order: Literal["same", "random"] = Field(
        "same", description="The order in which readers get their items: that of the set, or each their own."
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Of the readers' own orders: the same seed, the same orders.")
    adjudicators: list[UserId] = Field(
        default=[], max_length=200, description="Who decides beside the managers; annotators at least."
    )

    @classmethod
    def stored(cls, value: Mapping[str, Any] | None) -> ModeSettings:
        """From the database; what an older version left there and is not valid any more falls back to defaults."""
        try:
            return cls.model_validate(value or {})
        except ValidationError:
            return cls()
