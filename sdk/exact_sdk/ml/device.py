"""Which device computes, in which precision, and what happens when its memory is too small (ml-spec 0.4)."""

from __future__ import annotations

import gc
import re
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import ModuleType
from typing import Literal, TypeVar, cast

from exact_core.api.errors import Invalid, Unavailable
from exact_sdk.ml.stitching import MULTIPLE

Precision = Literal["fp32", "bf16", "fp16"]
Result = TypeVar("Result")

SMALLEST_TILE = 256
_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


@dataclass(frozen=True, slots=True)
class MemoryNeed:
    """What a job says that it needs at most, in MiB of 1,048,576 bytes.

    Attributes:
        host: Memory of the machine.
        device: Memory of the GPU; 0 when it needs none.
    """

    host: int = 2048
    device: int = 0


@dataclass(frozen=True, slots=True)
class Compute:
    """Where and how a network computes; :func:`choose` makes one.

    Attributes:
        device: ``cpu``, ``mps``, ``cuda`` or ``cuda:<number>``.
        precision: Of convolutions and products; losses, softmax and accumulators are always float32.
        needs_scaler: Whether training must scale its gradients, as float16 needs it.
        channels_last: Whether pictures are laid out channels last.
    """

    device: str
    precision: Precision
    needs_scaler: bool = False
    channels_last: bool = False

    def autocast(self) -> AbstractContextManager[object]:
        """The context that networks are called in."""
        if self.precision == "fp32":
            return nullcontext()
        import torch

        dtype = torch.bfloat16 if self.precision == "bf16" else torch.float16
        context: AbstractContextManager[object] = torch.autocast(self.device.partition(":")[0], dtype)
        return context

    def facts(self) -> dict[str, str]:
        """What a model card says of it."""
        return {"device": self.device, "precision": self.precision}


def choose(device: str = "auto", precision: str = "auto", *, training: bool = False) -> Compute:
    """Choose a device and a precision.

    ``auto`` is CUDA, else MPS, else the CPU; and bf16 where CUDA has it, else fp16; fp32 on everything else.

    Args:
        device: ``auto``, ``cpu``, ``mps``, ``cuda`` or ``cuda:<number>``.
        precision: ``auto``, ``fp32``, ``bf16`` or ``fp16``.
        training: Whether gradients are needed: MPS then computes in fp32, and CUDA's fp16 with a scaler.

    Raises:
        Invalid: There is no such device or precision, or not together.
        Unavailable: Torch is not installed, or this machine does not have the device.
    """
    if not _DEVICE.fullmatch(device):
        raise Invalid(f"There is no device {device!r}; say auto, cpu, mps, cuda or cuda:<number>.")
    if precision not in ("auto", "fp32", "bf16", "fp16"):
        raise Invalid(f"There is no precision {precision!r}; say auto, fp32, bf16 or fp16.")
    torch = torch_module()
    kind = _kind_of(device)
    name = kind if device == "auto" else device
    if kind == "cuda":
        has_bf16 = torch.cuda.is_bf16_supported()
        chosen = cast(Precision, ("bf16" if has_bf16 else "fp16") if precision == "auto" else precision)
        return Compute(name, chosen, needs_scaler=training and chosen == "fp16", channels_last=True)
    chosen = cast(Precision, "fp32" if precision == "auto" else precision)
    if kind == "mps" and (chosen == "bf16" or (training and chosen != "fp32")):
        raise Invalid(f"MPS does not compute {'training' if training else 'networks'} in {chosen}; say fp32.")
    if kind == "cpu" and chosen == "fp16":
        raise Invalid("The CPU does not compute in fp16; say fp32 or bf16.")
    return Compute(name, chosen)


def fitting(
    attempt: Callable[[int, int], Result],
    *,
    batch: int,
    tile: int,
    told: Callable[[str], None] | None = None,
    may_shrink_tile: bool = True,
) -> Result:
    """Run something on a network with as much memory as there is.

    After each failure for want of memory the batch is halved, down to 1; then the tile, down to 256 px, always a
    multiple of 32. Only for inference: another batch gives another model.

    Args:
        attempt: Called with the batch and the tile; it begins anew, or where it broke off, each time.
        batch: The batch to begin with.
        tile: The tile to begin with, in pixels.
        told: Hears what is tried next.
        may_shrink_tile: Whether the answer may come from smaller tiles.

    Raises:
        Unavailable: The memory is too small for a batch of 1 of the smallest tile; the message has the numbers.
    """
    first = (batch, tile)
    while True:
        try:
            return attempt(batch, tile)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            reason = str(error).partition("\n")[0] or type(error).__name__
        free_memory()
        smaller = max(SMALLEST_TILE, tile // 2 // MULTIPLE * MULTIPLE)
        if batch > 1:
            batch //= 2
        elif may_shrink_tile and smaller < tile:
            tile = smaller
        else:
            raise Unavailable(
                f"The memory is too small: a batch of {batch} tile of {tile} px does not fit, begun with {first[0]} of "
                f"{first[1]} px. Use a device with more memory, or a smaller network. It said: {reason}"
            )
        if told is not None:
            told(f"The memory was too small; trying {batch} tiles of {tile} px at a time.")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory, of the machine or of a GPU, was too small."""
    if isinstance(error, MemoryError):
        return True
    # Torch's own class is one of RuntimeError, and its CPU allocator raises a bare RuntimeError.
    return isinstance(error, RuntimeError) and bool(re.search(r"out of memory|can't allocate memory", str(error)))


def free_memory() -> None:
    """Give what is not used any more back to the device."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        gc.collect()  # tensors in cycles, which a traceback makes
        torch.cuda.empty_cache()


def torch_module() -> ModuleType:
    """Torch.

    Raises:
        Unavailable: It is not installed.
    """
    try:
        import torch
    except ImportError:
        raise Unavailable("The ML runtime is not installed on this machine: pip install 'exact-sdk[ml]'.") from None
    module: ModuleType = torch
    return module


def _kind_of(device: str) -> str:
    """``cpu``, ``mps`` or ``cuda``, when this machine has it."""
    import torch

    cuda, mps = torch.cuda, torch.backends.mps
    if device == "auto":
        return "cuda" if cuda.is_available() else "mps" if mps.is_available() else "cpu"
    kind, _, number = device.partition(":")
    if kind == "cuda" and int(number or 0) >= (cuda.device_count() if cuda.is_available() else 0):
        raise Unavailable(f"This machine has no {device}; say auto, or start the worker where there is a GPU.")
    if kind == "mps" and not mps.is_available():
        raise Unavailable("This machine has no mps; say auto.")
    return kind
