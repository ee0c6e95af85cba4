"""Models: what a plugin says of a kind of model, what is known of a stored one, and what its driver must offer.

A driver of the namespace ``exact.models`` is a callable that takes a ``StoredModel``, the validated settings of the run
and the name of a device, and returns a ``Predictor``. Register it as an entry point of that group. Drivers are imported
by workers only, so torch and other heavy libraries may be imported at the top of their module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pydantic import BaseModel

    from exact_core.api.annotations import Region
    from exact_core.api.pixels import PixelReader
    from exact_core.api.predictions import PredictionWriter

MODELS = "exact.models"
"""Namespace of model drivers."""


class ModelTask(StrEnum):
    """What a model answers."""

    DETECTION = "detection"
    """Objects: points, boxes or outlines with a score."""

    SEGMENTATION = "segmentation"
    """A probability per pixel and class."""

    CLASSIFICATION = "classification"
    """A class for a whole image, or for shapes that are there already."""

    QUALITY = "quality"
    """How far an image, or a part of it, is from what is normal."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A kind of model that a plugin brings; stored models name it.

    Attributes:
        name: Its name; the full one is ``<plugin>.<name>``.
        title: What people read.
        task: What its models answer.
        driver: Name of the driver in the stevedore namespace ``exact.models``.
        summary: One or two sentences: what for, and what not for.
        params: Pydantic model of the settings of one run: a default for every field, ``extra="forbid"``.
        labels: Classes of a built-in model; a stored model names its own.
        needs_gpu: Whether only workers with a GPU may run it.
        is_built_in: Whether it works without a stored model: nothing is learned, or the package holds it.
        memory_mib: Most memory of one run, in MiB of 1,048,576 bytes.
        train: Dotted text ``package.module:function`` that makes a stored model of this kind from a version, imported
            by the worker only; called with one ``JobContext``, whose ``training_set`` it reads. Empty: it cannot learn.
        train_params: Pydantic model of its settings: a default for every field, ``extra="forbid"``.
    """

    name: str
    title: str
    task: ModelTask
    driver: str
    summary: str = ""
    params: type[BaseModel] | None = None
    labels: tuple[str, ...] = ()
    needs_gpu: bool = False
    is_built_in: bool = False
    memory_mib: int = 2048
    train: str = ""
    train_params: type[BaseModel] | None = None


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A model that can be run.

    Attributes:
        uuid: Its permanent identity; every prediction names it.
        name: What people read.
        kind: Full name of its ``ModelCard``, ``<plugin>.<name>``.
        labels: Its classes, in the order of its output.
        version_id: The version of an image set that it was trained on; None when nobody said, or nothing was learned.
        sha256: Of the canonical list of its files and their checksums; empty for a built-in model.
        card: Facts as the field ``card.json`` of its folder tells them.
        folder: Where its files lie on this machine, checked; None for a built-in model.
    """

    uuid: str
    name: str
    kind: str
    labels: tuple[str, ...] = ()
    version_id: int | None = None
    sha256: str = ""
    card: Mapping[str, object] = field(default_factory=dict)
    folder: Path | None = None


class Predictor(Protocol):
    """An opened model."""

    def predict(
        self,
        image: PixelReader,
        area: Region | None,
        out: PredictionWriter,
        told: Callable[[float, str], None],
    ) -> None:
        """Run on one image and hand over what is found.

        Args:
            image: The image.
            area: Only this rectangle; None for all of it.
            out: Takes shapes, maps and labels; nothing of it is visible before this function has returned.
            told: Hears how far it is, 0 to 1, with a message; raises when the job should end. Call it per batch.
        """

    def close(self) -> None:
        """Free memory and devices."""


if TYPE_CHECKING:
    ModelDriver = Callable[[StoredModel, BaseModel | None, str], Predictor]
