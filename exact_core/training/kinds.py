"""Which kinds of models can be trained, and the settings of a training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from exact_core.api.errors import Conflict, Invalid, NotFound
from exact_core.models.kinds import Kind, kind_of, kinds

if TYPE_CHECKING:
    from exact_core.kernel import Kernel

CORE = "core"


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


def job_type_of(kind: Kind) -> str:
    """Full name of the job type that trains models of a kind."""
    return f"{kind.plugin}.train_{kind.card.name}"


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


def checked_settings(kind: Kind, given: dict[str, Any]) -> dict[str, Any]:
    """The settings of a training with all defaults written out."""
    model = kind.card.train_params
    if model is None:
        if given:
            raise Invalid(f"settings: models of the kind {kind.name!r} have none.")
        return {}
    try:
        return model.model_validate(given).model_dump(mode="json")
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Invalid(f"settings.{place}: {first['msg']}") from error


def _is_on(kernel: Kernel, kind: Kind, image_set_id: int) -> bool:
    return kind.plugin == CORE or kind.plugin in kernel.activation.enabled(image_set_id)
