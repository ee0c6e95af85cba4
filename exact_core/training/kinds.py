"""Which kinds of models can be trained, and the settings of a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from exact_core.api.errors import Conflict, NotFound
from exact_core.jobs.registry import CORE
from exact_core.models.kinds import Kind, checked_settings, kind_of, kinds

if TYPE_CHECKING:
    from exact_core.kernel import Kernel


@dataclass(frozen=True, slots=True)
class Trainable:
    """A kind of model that learns, as it stands in an image set.

    Attributes:
        kind: The kind.
        is_on: Whether its plugin is on in the image set.
        settings_schema: JSON schema of its settings; None when it has none.
    """

    kind: Kind
    is_on: bool
    settings_schema: dict[str, Any] | None


def trainable_in(kernel: Kernel, image_set_id: int) -> list[Trainable]:
    """Every kind that can be trained, in the plugins' order."""
    return [
        Trainable(
            kind,
            _is_on(kernel, kind, image_set_id),
            kind.card.train_params.model_json_schema() if kind.card.train_params is not None else None,
        )
        for kind in kinds(kernel).values()
        if kind.card.train
    ]


def find_trainable(kernel: Kernel, name: str, image_set_id: int) -> Kind:
    """A kind that can be trained in an image set now."""
    kind = kind_of(kernel, name)
    if not kind.card.train:
        raise NotFound(f"Models of the kind {name!r} do not learn: nothing can be trained.")
    if not _is_on(kernel, kind, image_set_id):
        raise Conflict(f"The plugin {kind.plugin!r} is off in this image set; a manager can switch it on.")
    return kind


def training_settings(kind: Kind, given: Mapping[str, object]) -> dict[str, Any]:
    """The settings of a training with all defaults written out."""
    settings = checked_settings(kind.card.train_params, given, f"A training of {kind.name}")
    return settings.model_dump(mode="json") if settings is not None else {}


def _is_on(kernel: Kernel, kind: Kind, image_set_id: int) -> bool:
    return kind.plugin == CORE or kind.plugin in kernel.activation.enabled(image_set_id)
