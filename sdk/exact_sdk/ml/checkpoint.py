"""Where a training stands, so that another worker goes on with it as if nothing had happened (ml-spec 0.8).

One safetensors file: weights, the optimiser's numbers and the states of everything random as tensors, the rest as JSON
in its header. No pickle.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from exact_core.api.errors import Invalid

if TYPE_CHECKING:
    import torch

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Training:
    """Everything of a training that changes from epoch to epoch.

    Attributes:
        module: The network.
        optimisers: By name.
        schedulers: Of learning rates, by name; anything with ``state_dict`` and ``load_state_dict`` of plain values.
        loaders: Generators of loaders and samplers, by name.
        drawn: Generators of numpy, by name.
    """

    module: torch.nn.Module
    optimisers: Mapping[str, torch.optim.Optimizer] = field(default_factory=dict)
    schedulers: Mapping[str, Any] = field(default_factory=dict)
    loaders: Mapping[str, torch.Generator] = field(default_factory=dict)
    drawn: Mapping[str, np.random.Generator] = field(default_factory=dict)


def write(path: Path, training: Training, epoch: int, facts: Mapping[str, Any] | None = None) -> None:
    """Write a checkpoint over the one before, all or nothing.

    Args:
        path: The file.
        training: What to keep.
        epoch: How many epochs are done.
        facts: Plain values beside, such as the best figure so far.

    Raises:
        Invalid: The facts, or a setting of an optimiser, are no plain values.
    """
    from safetensors.torch import save_file

    tensors = {f"module.{name}": value for name, value in training.module.state_dict().items()}
    tensors |= _random_tensors(training)
    told: dict[str, Any] = {"format": FORMAT, "epoch": epoch, "facts": dict(facts or {}), "optimisers": {}}
    for name, optimiser in training.optimisers.items():
        state = optimiser.state_dict()
        numbers: dict[str, dict[str, Any]] = {}
        for index, values in state["state"].items():
            for key, value in values.items():
                if hasattr(value, "detach"):
                    tensors[f"optimiser.{name}.{index}.{key}"] = value
                else:
                    numbers.setdefault(str(index), {})[key] = value
        told["optimisers"][name] = {"groups": state["param_groups"], "numbers": numbers}
    told["schedulers"] = {name: one.state_dict() for name, one in training.schedulers.items()}
    told["drawn"] = {name: one.bit_generator.state for name, one in training.drawn.items()}
    told["python"] = random.getstate()
    waiting = path.with_name(f".{path.name}.part")
    kept = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    save_file(kept, waiting, {"checkpoint": _json(told)})
    waiting.replace(path)


def restore(path: Path, training: Training) -> tuple[int, Mapping[str, Any]]:
    """Put a training where a checkpoint left it.

    Args:
        path: The file.
        training: Made as at the beginning: the same network, optimisers and names.

    Returns:
        How many epochs are done, and the facts that were kept beside.

    Raises:
        Invalid: It is no checkpoint, or one of another training.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as opened:
            told = json.loads((opened.metadata() or {}).get("checkpoint", "{}"))
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - it is no mapping
        if told.get("format") != FORMAT:
            raise Invalid(f"{path.name} is no checkpoint of this version; begin the training anew.")
        _restore_parts(training, told, tensors)
    except (SafetensorError, OSError):
        raise Invalid(f"{path.name} is damaged; begin the training anew.") from None
    except (KeyError, ValueError, RuntimeError, TypeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise Invalid(f"{path.name} is the checkpoint of another training: {reason}. Begin anew.") from None
    return int(told["epoch"]), told["facts"]


def _restore_parts(training: Training, told: Mapping[str, Any], tensors: Mapping[str, Any]) -> None:
    import torch

    training.module.load_state_dict(_below(tensors, "module."), strict=True)
    for name, optimiser in training.optimisers.items():
        kept = told["optimisers"][name]
        state: dict[int, dict[str, Any]] = {int(index): dict(values) for index, values in kept["numbers"].items()}
        for place, value in _below(tensors, f"optimiser.{name}.").items():
            index, _, key = place.partition(".")
            state.setdefault(int(index), {})[key] = value
        groups = [_with_tuples(group, own) for group, own in zip(kept["groups"], optimiser.param_groups, strict=True)]
        optimiser.load_state_dict({"state": state, "param_groups": groups})
    for name, scheduler in training.schedulers.items():
        scheduler.load_state_dict(told["schedulers"][name])
    for name, loader in training.loaders.items():
        loader.set_state(tensors[f"random.loader.{name}"])
    for name, drawn in training.drawn.items():
        drawn.bit_generator.state = told["drawn"][name]
    version, numbers, gauss = told["python"]
    random.setstate((version, tuple(numbers), gauss))
    torch.set_rng_state(tensors["random.torch"])
    for number, of_device in enumerate(_below(tensors, "random.cuda.").values()):
        if number < torch.cuda.device_count():
            torch.cuda.set_rng_state(of_device, number)


def _random_tensors(training: Training) -> dict[str, Any]:
    import torch

    found = {"random.torch": torch.get_rng_state()}
    found |= {f"random.loader.{name}": one.get_state() for name, one in training.loaders.items()}
    if torch.cuda.is_available():
        found |= {f"random.cuda.{index:03}": one for index, one in enumerate(torch.cuda.get_rng_state_all())}
    return found


def _below(tensors: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in sorted(tensors.items()) if name.startswith(prefix)}


def _with_tuples(group: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """JSON knows lists only; settings that were tuples become tuples again."""
    return {key: tuple(value) if isinstance(own.get(key), tuple) else value for key, value in group.items()}


def _json(value: Mapping[str, Any]) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise Invalid(f"The checkpoint cannot be written: {error}. Keep plain numbers, texts and lists.") from None
