"""The process that reads foreign weights: ``python -m exact_sdk.ml.foreign_reader SOURCE TARGET MEMORY_MIB``."""

from __future__ import annotations

import resource
import sys
from collections.abc import Mapping
from pickle import UnpicklingError
from typing import Any

_INSIDE = ("state_dict", "model_state_dict", "model")


def main(source: str, target: str, memory_mib: str) -> int:
    """Bound the memory of this process, then read."""
    most = int(memory_mib) * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    try:
        return read(source, target)
    except MemoryError:
        return _no(f"Reading it takes more than {memory_mib} MiB.")


def read(source: str, target: str) -> int:
    """Read, keep the tensors, write; says why not as the last line of the error output."""
    import torch
    from safetensors.torch import save_file

    try:
        # weights_only: only tensors and plain containers are made, no code of the file runs.
        tensors = tensors_of(torch.load(source, map_location="cpu", weights_only=True))
        if tensors:
            save_file(tensors, target, {"format": "pt"})
    except (UnpicklingError, RuntimeError, ValueError, KeyError, EOFError, OSError) as error:
        return _no(f"It is not a file of plain tensors: {' '.join(str(error).split())[:300]}")
    return 0 if tensors else _no("It holds no tensors by name.")


def _no(reason: str) -> int:
    sys.stderr.write(f"{reason}\n")
    return 1


def tensors_of(value: Any) -> dict[str, Any]:
    """The named tensors of a state dictionary, or of one inside; each with memory of its own."""
    import torch

    if not isinstance(value, Mapping):
        return {}
    for name in _INSIDE:
        if isinstance(value.get(name), Mapping):
            return tensors_of(value[name])
    return {
        str(name): one.detach().contiguous().clone() for name, one in value.items() if isinstance(one, torch.Tensor)
    }


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
