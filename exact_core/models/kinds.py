"""Kinds of models: the cards of plugins and of the core's own parts, and the driver that opens a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

from pydantic import ValidationError

from exact_core.api.errors import DriverError, Invalid, NotFound
from exact_core.api.models import MODELS, ModelCard, StoredModel
from exact_core.kernel.dispatch import call_alone
from exact_core.kernel.drivers import driver_names, open_driver
from exact_core.kernel.records import CORE_PREFIX

if TYPE_CHECKING:
    from pydantic import BaseModel

    from exact_core.api.models import Predictor
    from exact_core.kernel.kernel import Kernel
    from exact_core.services import Services

_BUILT_IN = uuid5(NAMESPACE_URL, "https://github.com/ChristianMarzahl/Exact#built-in-models")
CORE = CORE_PREFIX.removesuffix(".")
"""Plugin of the kinds that the core brings itself."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of model.

    Attributes:
        name: Its full name, ``<plugin>.<card name>``; what models and jobs call it.
        plugin: Who brings it; ``core`` for the core's own.
        card: What is said of it.
    """

    name: str
    plugin: str
    card: ModelCard

    @property
    def has_driver(self) -> bool:
        """Whether the driver is installed on this machine; nothing is imported."""
        return self.card.driver in driver_names(MODELS)

    @property
    def built_in_uuid(self) -> str:
        """The identity of the built-in model of this kind, the same on every instance."""
        return str(uuid5(_BUILT_IN, self.name))


def kinds(kernel: Kernel) -> Mapping[str, Kind]:
    """Every kind that a running plugin or a part of the core brings, by full name, in the visible order."""
    found: dict[str, Kind] = {}
    for contributor, card in kernel.index.models():
        plugin = CORE if contributor.startswith(CORE_PREFIX) else contributor
        found[f"{plugin}.{card.name}"] = Kind(f"{plugin}.{card.name}", plugin, card)
    return found


def kind_of(kernel: Kernel, name: str) -> Kind:
    """The kind of a full name.

    Raises:
        NotFound: Nothing that runs brings it; the message says what to install or to switch on.
    """
    found = kinds(kernel).get(name)
    if found is not None:
        return found
    plugin = name.partition(".")[0]
    if plugin == CORE:
        raise NotFound(f"EXACT itself brings no kind of model {name!r}; another release of it did.")
    record = next((each for each in kernel.plugins() if each.name == plugin), None)
    if record is None:
        raise NotFound(f"The kind of model {name!r} needs the plugin {plugin!r}, which is not installed here.")
    if not record.state.is_running:
        raise NotFound(f"The kind of model {name!r} needs the plugin {plugin!r}, which does not run: {record.reason}")
    raise NotFound(f"The plugin {plugin!r} brings no kind of model {name!r}; another version of it did.")


def settings_of(kind: Kind, params: Mapping[str, object]) -> BaseModel | None:
    """The settings of a run, checked; what is left out has the kind's default.

    Raises:
        Invalid: A setting that there is not, or a value out of range.
    """
    return checked_settings(kind.card.params, params, f"The kind {kind.name}")


def checked_settings(model: type[BaseModel] | None, given: Mapping[str, object], whose: str) -> BaseModel | None:
    """Settings as their model has them, defaults filled in.

    Args:
        model: The pydantic model; None where there are no settings.
        given: Plain JSON values.
        whose: What messages say has these settings, as the beginning of a sentence.

    Raises:
        Invalid: A setting that there is not, or a value out of range.
    """
    if model is None:
        if given:
            raise Invalid(f"{whose} has no settings, but got: {', '.join(sorted(given))}.")
        return None
    try:
        return model.model_validate(given)
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'settings'}: {each['msg']}" for each in error.errors())
        raise Invalid(f"{whose} has other settings. {said[:500]}.") from None


def open_predictor(
    services: Services, model: StoredModel, params: Mapping[str, object], device: str = "auto"
) -> Predictor:
    """Open a model with its driver; only workers do, as the driver may import torch.

    Args:
        services: The parts of the instance.
        model: From ``store.open_for_job``.
        params: Settings of the run, plain JSON values.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Raises:
        NotFound: The kind's plugin is missing or does not run.
        Invalid: The settings do not fit.
        DriverError: The driver is missing, fails to import, or cannot open the model; the message says why.
    """
    kind = kind_of(services.kernel, model.kind)
    settings = settings_of(kind, params)
    if model.folder is None and not kind.card.is_built_in:
        raise DriverError(f"The model {model.name!r} has no files, and {kind.name} is no built-in kind.")
    driver = open_driver(MODELS, kind.card.driver)
    predictor, error = call_alone(lambda: driver(model, settings, device))
    if error is not None:
        raise DriverError(
            f"The driver {kind.card.driver!r} of {kind.name} cannot open the model {model.name!r}: {error}"
        ) from error
    found: Predictor = predictor
    return found
