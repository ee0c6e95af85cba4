"""Which kinds of models can be run in an image set: the core's own, and those of plugins that are switched on there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from exact_core.api.errors import NotFound
from exact_core.models.kinds import CORE, Kind, kinds

if TYPE_CHECKING:
    from exact_core.api.models import ModelCard
    from exact_core.kernel import Kernel


def kinds_in(kernel: Kernel, image_set_id: int) -> list[Kind]:
    """The kinds whose models can be run in an image set."""
    enabled = kernel.activation.enabled(image_set_id)
    return [kind for kind in kinds(kernel).values() if kind.plugin == CORE or kind.plugin in enabled]


def kind_in(kernel: Kernel, image_set_id: int, name: str) -> Kind:
    """One kind; ``NotFound`` says what to do where there is none."""
    for kind in kinds_in(kernel, image_set_id):
        if kind.name == name:
            return kind
    raise NotFound(f"No kind of model {name[:80]!r} can be run here; is its plugin installed and switched on?")


def schema_of(card: ModelCard) -> Mapping[str, Any] | None:
    """The JSON schema of a card's settings."""
    return None if card.params is None else card.params.model_json_schema()
