"""The values of ``protocol.py`` and errors as plain JSON, for the pipe and for HTTPS alike."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from operator import attrgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any

from exact_core.api.errors import (
    Conflict,
    ExactError,
    Forbidden,
    Invalid,
    NotFound,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from exact_core.api.images import ImageInfo
from exact_core.api.models import ModelCard, ModelTask, StoredModel
from exact_core.api.training import TrainingSet
from exact_core.jobs.hosts.protocol import HostedImage, JobFailed, JobTask

_ERRORS: Mapping[str, type[ExactError]] = MappingProxyType(
    {
        each.code: each
        for each in (Conflict, Forbidden, Invalid, JobFailed, NotFound, TooLarge, Unauthenticated, Unavailable)
    }
)
_LONGEST_MESSAGE = 2000
_CLASS = "class"


def error_as_json(error: ExactError) -> dict[str, str]:
    """The code and the message of an error."""
    return {"code": error.code, "message": error.message[:_LONGEST_MESSAGE]}


def error_from_json(value: Mapping[str, Any]) -> ExactError:
    """The error that :func:`error_as_json` wrote; one with an unknown code is ``Invalid``."""
    found = _ERRORS.get(str(value.get("code")), Invalid)
    return found(str(value.get("message", "it does not say why"))[:_LONGEST_MESSAGE])


def task_as_json(task: JobTask) -> dict[str, Any]:
    """Plain values of a task."""
    return asdict(task)


def task_from_json(value: Mapping[str, Any]) -> JobTask:
    """Read what :func:`task_as_json` wrote; names that a newer server adds are left out."""
    known = {each.name for each in fields(JobTask)}
    return JobTask(**{name: each for name, each in value.items() if name in known})


def card_as_json(card: ModelCard | None) -> dict[str, Any] | None:
    """Plain values of a kind of model; classes of settings by their dotted names."""
    if card is None:
        return None
    told: dict[str, Any] = {}
    for each in fields(ModelCard):
        value = getattr(card, each.name)
        told[each.name] = {_CLASS: f"{value.__module__}:{value.__qualname__}"} if isinstance(value, type) else value
    return told | {"task": str(card.task), "labels": list(card.labels)}


def card_from_json(value: Mapping[str, Any]) -> ModelCard:
    """Read what :func:`card_as_json` wrote; imports the modules of the settings."""
    told = {name: _class_of(each) if isinstance(each, dict) else each for name, each in value.items()}
    return ModelCard(**{**told, "task": ModelTask(told["task"]), "labels": tuple(told["labels"])})


def _class_of(value: Mapping[str, str]) -> Any:
    module, _, name = value[_CLASS].partition(":")
    return attrgetter(name)(importlib.import_module(module))


def image_as_json(image: HostedImage) -> dict[str, Any]:
    """Plain values of an image."""
    from exact_core.tiles.samples import source_as_json

    slide = image.slide
    place = None if slide is None else slide.as_json()
    return {"info": asdict(image.info), "source": source_as_json(image.source), "slide": place}


def image_from_json(value: Mapping[str, Any]) -> HostedImage:
    """Read what :func:`image_as_json` wrote."""
    from exact_core.tiles.samples import source_from_json
    from exact_core.tiles.slide_file import SlideFile, channel_from_json

    slide = None
    if value.get("slide"):
        told = dict(value["slide"])
        told["channels"] = tuple(channel_from_json(channel) for channel in told["channels"])
        slide = SlideFile(**told, levels=())
    return HostedImage(ImageInfo(**value["info"]), source_from_json(value["source"]), slide)


def model_as_json(model: StoredModel, *, with_folder: bool) -> dict[str, Any]:
    """Plain values of a model; its folder only for those on the same machine."""
    told = asdict(model)
    told["folder"] = str(model.folder) if with_folder and model.folder is not None else None
    return told


def model_from_json(value: Mapping[str, Any], folder: Path | None = None) -> StoredModel:
    """Read what :func:`model_as_json` wrote; ``folder`` is where its files were brought to, if that is elsewhere."""
    told = dict(value)
    told["labels"] = tuple(told["labels"])
    if folder is None and told.get("folder"):
        folder = Path(told["folder"])
    return StoredModel(**{**told, "folder": folder})


def training_set_as_json(given: TrainingSet, *, with_manifest: bool) -> dict[str, Any]:
    """Plain values of a training set; where its manifest lies only for those on the same machine."""
    told = asdict(given)
    return told | {
        "manifest": str(given.manifest) if with_manifest else "",
        "label_of": list(given.label_of.items()),
        "groups": list(given.groups.items()),
    }


def training_set_from_json(value: Mapping[str, Any], manifest: Path | None = None) -> TrainingSet:
    """Read what :func:`training_set_as_json` wrote; ``manifest`` is where it was brought to, if that is elsewhere."""
    told = dict(value)
    return TrainingSet(
        **{
            **told,
            "manifest": manifest or Path(told["manifest"]),
            "labels": tuple(told["labels"]),
            "label_of": dict(told["label_of"]),
            "parts": {part: tuple(images) for part, images in told["parts"].items()},
            "groups": dict(told["groups"]),
        }
    )


def figures_as_json(values: Mapping[str, float]) -> dict[str, float | None]:
    """Figures by name; JSON has no word for what is not finite, which is None then."""
    return {name: float(value) if math.isfinite(value) else None for name, value in values.items()}


def figures_from_json(value: Mapping[str, Any]) -> dict[str, float]:
    """Read what :func:`figures_as_json` wrote."""
    return {str(name): math.nan if each is None else float(each) for name, each in value.items()}
