"""Which models can be run in an image set: kinds that are built in or of plugins switched on there, and stored ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from exact_core.api.errors import Invalid, NotFound
from exact_core.api.models import ModelCard, StoredModel
from exact_core.jobs.registry import CORE, prediction_type

if TYPE_CHECKING:
    from exact_core.kernel import Kernel

_BUILT_IN = UUID("3a3b6a5e-6d4b-5a3e-9f0c-6c6f1d1a7e10")  # names models that are built in, the same everywhere


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of model of a running plugin, or of the core.

    Attributes:
        name: ``<plugin>.<name>``; of the core's own ``core.<name>``.
        plugin: The plugin; ``core`` for the core's own.
        card: What the plugin says of it.
        job_type: Full name of the job that runs it.
    """

    name: str
    plugin: str
    card: ModelCard
    job_type: str


def kinds_in(kernel: Kernel, image_set_id: int) -> list[Kind]:
    """The kinds whose models can be run in an image set."""
    enabled = kernel.activation.enabled(image_set_id)
    return [kind for kind in all_kinds(kernel) if kind.plugin == CORE or kind.plugin in enabled]


def all_kinds(kernel: Kernel) -> list[Kind]:
    """Every kind of model of this instance."""
    found = []
    for contributor, card in kernel.index.models():
        plugin = CORE if contributor.startswith(f"{CORE}.") else contributor
        found.append(Kind(f"{plugin}.{card.name}", plugin, card, prediction_type(contributor, card.name)))
    return found


def kind_in(kernel: Kernel, image_set_id: int, name: str) -> Kind:
    """One kind; ``NotFound`` says what to do where there is none."""
    for kind in kinds_in(kernel, image_set_id):
        if kind.name == name:
            return kind
    raise NotFound(f"No kind of model {name[:80]!r} can be run here; is its plugin installed and switched on?")


def built_in(kind: str, card: ModelCard) -> StoredModel:
    """The model of a kind that works without stored files; its uuid is the same on every instance."""
    if not card.is_built_in:
        raise Invalid(f"model: {card.title} needs a stored model; say which.")
    return StoredModel(str(uuid5(_BUILT_IN, kind)), card.title, kind, card.labels)


def schema_of(card: ModelCard) -> Mapping[str, Any] | None:
    """The JSON schema of a card's settings."""
    return None if card.params is None else card.params.model_json_schema()
