"""What is done to pixels before a network sees them and to its answer after, as data: ``preprocess.json``.

The same file is read in the browser. ``docs/preprocess.md`` is the specification for both.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from scipy.special import expit, softmax

from exact_core.api.errors import Invalid
from exact_sdk.ml.stitching import MULTIPLE, Array, Window, pad_to_multiple

_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Finite = Annotated[float, Field(allow_inf_nan=False)]


class NetworkFile(BaseModel):
    """The network that the numbers belong to.

    Attributes:
        file: Its name, in the same folder.
        bytes: Its size.
        sha256: Of its bytes, in hexadecimal digits.
        integrity: The same checksum as browsers take it, ``sha256-<base64>``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str = Field(pattern=r"^[a-z0-9_-]+\.onnx$")
    bytes: int = Field(gt=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    integrity: str = Field(pattern=r"^sha256-[A-Za-z0-9+/]{43}=$")


class Preprocess(BaseModel):
    """The contract between pixels and a network.

    Attributes:
        format: Of the file; this is format 1.
        task: ``segmentation``: ``(n, classes, h, w)``; ``classification``: ``(n, classes)``.
        input: Name of the network's input, ``(n, bands, h, w)`` float32.
        output: Name of its output.
        classes: Names, in the order of the output.
        bands: Which channel of the image each channel of the input is.
        divisor: What samples are divided by: 255 for 8 bits.
        mean: Subtracted then, per channel of the input.
        std: Divided by then, per channel of the input.
        activation: Makes probabilities of the output.
        mpp: Micrometres per pixel that the network was trained at; None when it does not matter.
        multiple: Sides of the input are padded to multiples of it, by reflection at the right and the lower edge.
        tile: Side of a tile in pixels; of a classified picture, its side.
        step: From one tile to the next.
        window: Weights where tiles overlap.
        pad_value: What a picture that is smaller than ``tile`` is surrounded with, for classification.
        model: The network's file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    task: Literal["segmentation", "classification"] = "segmentation"
    input: str = "image"
    output: str = "logits"
    classes: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = Field(min_length=1, max_length=1000)
    bands: tuple[Annotated[int, Field(ge=0, le=1023)], ...] = Field(default=(0, 1, 2), min_length=1, max_length=1024)
    divisor: _Positive = 255.0
    mean: tuple[_Finite, ...] = (0.0, 0.0, 0.0)
    std: tuple[_Positive, ...] = (1.0, 1.0, 1.0)
    activation: Literal["softmax", "sigmoid", "none"] = "softmax"
    mpp: _Positive | None = None
    multiple: int = Field(default=MULTIPLE, ge=1, le=1024)
    tile: int = Field(default=512, ge=1, le=16_384)
    step: int = Field(default=384, ge=1)
    window: Window = "uniform"
    pad_value: float = Field(default=255.0, allow_inf_nan=False)
    model: NetworkFile | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not len(self.bands) == len(self.mean) == len(self.std):
            raise ValueError("bands, mean and std need one entry per channel of the input")
        if self.step > self.tile:
            raise ValueError("step is longer than tile: pixels would be left out")
        if self.task == "segmentation" and self.tile % self.multiple:
            raise ValueError("tile is not a multiple of multiple")
        return self

    @classmethod
    def of_json(cls, value: object) -> Self:
        """Read what a file holds.

        Raises:
            Invalid: A field is missing, unknown or wrong; the message names it.
        """
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            faults = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'file'}: {one['msg']}" for one in error.errors())
            raise Invalid(f"preprocess.json is wrong: {faults}. docs/preprocess.md says what it holds.") from None

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file.

        Raises:
            Invalid: It is no JSON, or a field is wrong.
        """
        try:
            return cls.of_json(json.loads(path.read_bytes()))
        except ValueError:
            raise Invalid(f"{path.name} is no JSON; export the model again.") from None

    def text(self) -> str:
        """The file, the same bytes each time."""
        return json.dumps(self.model_dump(mode="json"), indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    def normalise(self, image: Array) -> NDArray[np.float32]:
        """Make the input of samples: choose bands, divide, subtract the mean, divide by the deviation, channels first.

        Every value is ``float32(sample * a + b)`` in double precision, with ``a = 1 / (divisor * std)`` and
        ``b = -mean / std``, so that JavaScript makes the same bytes.

        Args:
            image: ``(..., h, w, channels)``, or ``(h, w)`` of one channel; any whole or real type.

        Returns:
            ``(..., bands, h, w)``, contiguous.

        Raises:
            Invalid: The image has too few channels.
        """
        samples = image[:, :, None] if image.ndim == 2 else image
        if max(self.bands) >= samples.shape[-1]:
            raise Invalid(f"The model reads channel {max(self.bands)}; the image has {samples.shape[-1]} channels.")
        out = np.empty((*samples.shape[:-3], len(self.bands), *samples.shape[-3:-1]), np.float32)
        for place, band in enumerate(self.bands):
            scale, offset = 1.0 / (self.divisor * self.std[place]), -self.mean[place] / self.std[place]
            if samples.dtype == np.uint8:
                levels = (np.arange(256, dtype=np.float64) * scale + offset).astype(np.float32)
                out[..., place, :, :] = levels[samples[..., band]]
            else:
                out[..., place, :, :] = samples[..., band].astype(np.float64) * scale + offset
        return out

    def prepare(self, image: Array) -> NDArray[np.float32]:
        """Make the input of one picture: padded to the multiple, or for classification cut or framed to ``tile``.

        Args:
            image: ``(h, w, channels)`` or ``(h, w)``.

        Returns:
            ``(bands, H, W)``.
        """
        if self.task == "classification":
            return self.normalise(crop_or_pad(image, self.tile, self.pad_value))
        return self.normalise(pad_to_multiple(image, self.multiple))

    def probabilities(self, output: Array) -> Array:
        """Make probabilities of what the network answers; the dtype stays.

        Args:
            output: ``(n, classes, ...)``.
        """
        if self.activation == "none":
            return output
        found: Array = expit(output) if self.activation == "sigmoid" else softmax(output, axis=1)
        return found


def crop_or_pad(image: Array, side: int, pad: float, rng: np.random.Generator | None = None) -> Array:
    """Cut or surround a picture to a square without changing its scale, each axis by itself (ml-spec 4.2, no. 7).

    Args:
        image: ``(h, w, ...)``, at least 1 x 1.
        side: Of the square, in pixels.
        pad: Value of the frame; ``ceil`` of half of it comes before the picture.
        rng: Draws where to cut, every place with the same chance; in the middle, ``floor((n - side) / 2)``, without it.

    Returns:
        ``(side, side, ...)`` of the same dtype.
    """
    out = np.full((side, side, *image.shape[2:]), pad, image.dtype)
    taken, placed = [], []
    for length in image.shape[:2]:
        room = length - side
        first = (int(rng.integers(room + 1)) if rng is not None else room // 2) if room > 0 else 0
        before = (1 - room) // 2 if room < 0 else 0
        taken.append(slice(first, first + min(length, side)))
        placed.append(slice(before, before + min(length, side)))
    out[tuple(placed)] = image[tuple(taken)]
    return out
