"""Which job types exist: the core's own and those of loaded plugins; only the worker imports the code behind them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from exact_core.api.errors import NotFound

if TYPE_CHECKING:
    from pydantic import BaseModel

    from exact_core.api.models import ModelCard
    from exact_core.kernel import Kernel
    from exact_core.services import Services
    from exact_core.storage.models import Job

CORE = "core"

PROBE = "core.probe"
CONVERT = "core.convert"
AGREEMENT = "core.agreement"
MANIFEST = "core.version-manifest"
BRANCH = "core.branch"
IMPORT_READ = "core.import-read"
IMPORT_STORE = "core.import-store"
IMPORT_UNDO = "core.import-undo"
EXPORT = "core.annotation-export"


@dataclass(frozen=True, slots=True)
class RunnableType:
    """A job type under its full name, with the dotted text of the function that does the work."""

    name: str
    plugin: str
    title: str
    run: str
    params: type[BaseModel] | None = None
    gpu: bool = False
    is_portable: bool = False
    memory_mib: int = 0
    seconds: int = 0
    network: bool = False
    give_up: str = ""  # called with the services and the row when the job ended without success
    card: ModelCard | None = None  # of the kind of model that the job runs

    def resolve(self) -> Callable[..., Any]:
        """Import the function; heavy libraries load here, in the worker."""
        function = _imported(self.run)
        return function if self.card is None else partial(function, card=self.card)

    def given_up(self, services: Services, job: Job) -> None:
        """Let the domain tidy up after a job that failed or was cancelled."""
        if self.give_up:
            _imported(self.give_up)(services, job)


CORE_TYPES = (
    RunnableType(
        PROBE,
        CORE,
        "Read images",
        "exact_core.images.probing:run_probe",
        give_up="exact_core.images.probing:give_up",
    ),
    RunnableType(
        CONVERT,
        CORE,
        "Convert an image to a pyramid",
        "exact_core.images.conversion:run_conversion",
        give_up="exact_core.images.conversion:give_up",
    ),
    RunnableType(AGREEMENT, CORE, "Compare readers", "exact_core.agreement.service:run_agreement"),
    RunnableType(
        MANIFEST,
        CORE,
        "Write the manifest of a version",
        "exact_core.versioning.manifest_job:run_manifest",
        give_up="exact_core.versioning.manifest_job:give_up",
    ),
    RunnableType(
        BRANCH,
        CORE,
        "Make a branch of a version",
        "exact_core.versioning.branches.job:run_branch",
        give_up="exact_core.versioning.branches.job:give_up",
    ),
    RunnableType(
        IMPORT_READ,
        CORE,
        "Look at a file of annotations",
        "exact_core.exchange.import_jobs:run_read",
        give_up="exact_core.exchange.import_jobs:give_up",
    ),
    RunnableType(
        IMPORT_STORE,
        CORE,
        "Import annotations",
        "exact_core.exchange.import_jobs:run_store",
        give_up="exact_core.exchange.import_jobs:give_up",
    ),
    RunnableType(
        IMPORT_UNDO,
        CORE,
        "Take an import back",
        "exact_core.exchange.import_jobs:run_undo",
        give_up="exact_core.exchange.import_jobs:give_up",
    ),
    RunnableType(
        EXPORT,
        CORE,
        "Export annotations",
        "exact_core.exchange.exports:run_export",
        give_up="exact_core.exchange.exports:give_up",
    ),
)


def job_types(kernel: Kernel) -> Mapping[str, RunnableType]:
    """Every job type of this instance by full name; a plugin can only add names below its own."""
    types = {each.name: each for each in CORE_TYPES}
    for plugin, contribution in kernel.index.job_types():
        full = f"{plugin}.{contribution.name}"
        types.setdefault(
            full,
            RunnableType(
                full,
                plugin,
                contribution.title,
                contribution.run,
                contribution.params,
                gpu=contribution.gpu,
                is_portable=contribution.is_portable,
                memory_mib=contribution.memory_mib,
                seconds=contribution.seconds,
                network=contribution.network,
            ),
        )
    for plugin, card in kernel.index.models():
        for each in (predicting(plugin, card), *([training(plugin, card)] if card.train else ())):
            types.setdefault(each.name, each)
    return types


def predicting(plugin: str, card: ModelCard) -> RunnableType:
    """The job that runs a kind of model on an image."""
    return RunnableType(
        prediction_type(plugin, card.name),
        _distribution(plugin),
        f"Predict: {card.title}",
        "exact_core.predictions.job:run_predict",
        gpu=card.needs_gpu,
        is_portable=True,
        memory_mib=card.memory_mib,
        give_up="exact_core.predictions.removing:give_up",
        card=card,
    )


def prediction_type(plugin: str, name: str) -> str:
    """The full name of the job that runs the kind of model ``<plugin>.<name>``."""
    return f"{_distribution(plugin)}.predict_{name}"


def training(plugin: str, card: ModelCard) -> RunnableType:
    """The job that makes a model of a kind from a version."""
    return RunnableType(
        training_type(plugin, card.name),
        _distribution(plugin),
        f"Train: {card.title}",
        card.train,
        gpu=card.needs_gpu,
        is_portable=True,
        memory_mib=card.memory_mib,
    )


def training_type(plugin: str, name: str) -> str:
    """The full name of the job that trains models of the kind ``<plugin>.<name>``."""
    return f"{_distribution(plugin)}.train_{name}"


def _distribution(plugin: str) -> str:
    """The first word of job types: built-in parts, ``core.models`` and the like, are all ``core``."""
    return CORE if plugin.startswith(f"{CORE}.") else plugin


def job_type(kernel: Kernel, name: str) -> RunnableType:
    """One job type, or why it is not there."""
    try:
        return job_types(kernel)[name]
    except KeyError:
        plugin = name.partition(".")[0]
        raise NotFound(f"No job type {name!r}: the plugin {plugin!r} is not installed, or did not load.") from None


def title_of(kernel: Kernel, name: str) -> str:
    """What people read for a job type; its name when the plugin is gone."""
    found = job_types(kernel).get(name)
    return found.title if found is not None else name


def _imported(dotted: str) -> Callable[..., Any]:
    module, _, attribute = dotted.partition(":")
    function = getattr(importlib.import_module(module), attribute)
    if not callable(function):
        raise TypeError(f"{dotted} is not a function")
    return function  # type: ignore[no-any-return]
