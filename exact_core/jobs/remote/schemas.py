"""What remote workers send, and what they are told."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

_NAME = Annotated[str, Field(min_length=1, max_length=100)]


class LeaseRequest(BaseModel):
    """A slot of a worker asks for work."""

    session: str = Field(pattern=r"^[0-9a-f]{16}$", description="Of one run of the worker: 16 random hex digits.")
    slot: int = Field(ge=0, lt=64, description="Each slot holds at most one job; asking again gives the same one.")
    machine: str = Field(pattern=r"^[A-Za-z0-9._-]{1,40}$", description="What administrators read.")
    gpu: bool = False
    types: dict[_NAME, _NAME] = Field(max_length=500, description="Job types that it can run, with their version.")
    wait: float = Field(default=0.0, ge=0, le=30, description="Seconds to wait for a job.")


class LeaseOut(BaseModel):
    """A job that the worker holds now."""

    lease: str = Field(description="Names the lease in all further requests; stands for nothing without the token.")
    beat_seconds: float = Field(description="Give a sign of life this often.")
    task: dict[str, Any] = Field(description="The job: its type, parameters, image set and image, and its limits.")


class BeatIn(BaseModel):
    """A sign of life."""

    progress: float = Field(ge=0, le=1)
    message: str = Field(default="", max_length=500)
    lines: list[Annotated[str, Field(max_length=4000)]] = Field(default=[], max_length=2000)


class BeatOut(BaseModel):
    """Whether to go on."""

    verdict: str


class EndIn(BaseModel):
    """How an attempt ended."""

    outcome: Literal["done", "failed", "cancelled", "later", "given back"]
    message: str = Field(default="", max_length=2000)
    result: dict[str, Any] = {}
    progress: float = Field(default=0.0, ge=0, le=1)
    lines: list[Annotated[str, Field(max_length=4000)]] = Field(default=[], max_length=2000)
    traceback: str = Field(default="", max_length=20_000, description="When the fault is the plugin's.")


class ModelOut(BaseModel):
    """A model that a job may use."""

    model: dict[str, Any]
    files: list[str]


class CurvePoint(BaseModel):
    """A point of the curves of a training; a figure that is not finite is null."""

    step: int = Field(ge=0, le=10**9)
    values: dict[_NAME, float | None] = Field(max_length=100)
