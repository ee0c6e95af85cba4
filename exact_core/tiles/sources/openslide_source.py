"""Slides of every format that OpenSlide reads."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import openslide
from PIL import Image

from exact_core.api.drivers import SourceInfo, SourceLevel, UnknownFormat, UnreadableImage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

_CACHE_BYTES = 48 * 1024 * 1024
_STACK_MARKS = ("<OME ", "<OME>", "ImageJ=")
_COARSEST_MPP = 20.0
_UNITS_UM = {"centimeter": 10_000.0, "inch": 25_400.0}


class OpenSlideSource:
    """One slide opened by OpenSlide; regions are red, green, blue over the slide's background colour."""

    def __init__(self, path: Path) -> None:
        try:
            self._slide = openslide.OpenSlide(path)
        except openslide.OpenSlideUnsupportedFormatError:
            raise UnknownFormat("It is not a slide in a form that OpenSlide reads.") from None
        except openslide.OpenSlideError as error:
            raise UnreadableImage(f"OpenSlide cannot open the file: {_without_path(error, path)}.") from None
        self._path = path
        self._slide.set_cache(openslide.OpenSlideCache(_CACHE_BYTES))
        properties = self._slide.properties
        vendor = properties.get(openslide.PROPERTY_NAME_VENDOR, "unknown")
        description = properties.get(openslide.PROPERTY_NAME_COMMENT, "")[:4096]
        if vendor == "generic-tiff" and any(mark in description for mark in _STACK_MARKS):
            self._slide.close()
            raise UnknownFormat("This is a stack, of which OpenSlide would show the first frame only.")
        background = properties.get(openslide.PROPERTY_NAME_BACKGROUND_COLOR, "ffffff")
        self._background = tuple(bytes.fromhex(background)) if len(background) == 6 else (255, 255, 255)
        mpp_x, mpp_y = _resolution(properties)
        self.info = SourceInfo(
            vendor=vendor,
            levels=tuple(self._levels()),
            mpp_x=mpp_x,
            mpp_y=mpp_y,
            objective_power=_number(properties.get(openslide.PROPERTY_NAME_OBJECTIVE_POWER)),
            associated=tuple(sorted(self._slide.associated_images)),
        )

    @property
    def memory_bytes(self) -> int:
        """The bound of OpenSlide's own tile cache."""
        return _CACHE_BYTES

    def read(
        self, level: int, x: int, y: int, width: int, height: int, z: int, t: int, channel: int
    ) -> NDArray[np.uint8]:
        """Read a rectangle of a level as red, green and blue."""
        downsample = self._slide.level_downsamples[level]
        try:
            region = self._slide.read_region((round(x * downsample), round(y * downsample)), level, (width, height))
        except openslide.OpenSlideError as error:
            raise UnreadableImage(f"OpenSlide cannot decode a part: {_without_path(error, self._path)}.") from None
        return _flatten(region, self._background)

    def associated(self, name: str) -> NDArray[np.uint8]:
        """Read the label, the macro picture and the like."""
        try:
            return _flatten(self._slide.associated_images[name], (255, 255, 255))
        except KeyError:
            raise UnreadableImage(f"The slide has no picture {name!r}.") from None
        except openslide.OpenSlideError as error:
            raise UnreadableImage(f"OpenSlide cannot decode {name!r}: {_without_path(error, self._path)}.") from None

    def close(self) -> None:
        """Close the slide."""
        with contextlib.suppress(openslide.OpenSlideError):
            self._slide.close()

    def _levels(self) -> list[SourceLevel]:
        properties = self._slide.properties
        return [
            SourceLevel(
                width,
                height,
                self._slide.level_downsamples[index],
                int(properties.get(f"openslide.level[{index}].tile-width", 0)),
                int(properties.get(f"openslide.level[{index}].tile-height", 0)),
            )
            for index, (width, height) in enumerate(self._slide.level_dimensions)
        ]


def find_main_file(folder: Path) -> Path:
    """Find the file of a folder that stands for the whole slide: an MRXS index, or one of a DICOM series.

    Raises:
        UnreadableImage: When no file of the folder can be opened as a slide.
    """
    files = sorted(file for file in folder.rglob("*") if file.is_file())[:5000]
    likely = [file for file in files if file.suffix.lower() in {".mrxs", ".vms", ".vmu"}]
    problem = ""
    for file in likely or [file for file in files if _is_dicom(file)]:
        try:
            openslide.OpenSlide(file).close()
        except openslide.OpenSlideUnsupportedFormatError:
            continue
        except openslide.OpenSlideError as error:
            problem = problem or _without_path(error, file)
            continue
        return file
    if problem:
        raise UnreadableImage(f"OpenSlide cannot open the slide in the folder: {problem}.")
    raise UnreadableImage("No file of the folder is a slide: neither MRXS, VMS nor a DICOM series of a slide.")


def _is_dicom(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"


def _flatten(region: Image.Image, background: tuple[int, ...]) -> NDArray[np.uint8]:
    if region.mode != "RGBA":
        return np.asarray(region.convert("RGB"))
    alpha = region.getchannel("A")
    if alpha.getextrema() == (255, 255):
        return np.asarray(region.convert("RGB"))
    flat = Image.new("RGB", region.size, background)
    flat.paste(region, mask=alpha)
    return np.asarray(flat)


def properties_of(path: Path, names: Sequence[str]) -> dict[str, str]:
    """Those of some properties that a slide has, as OpenSlide names them."""
    main_file = find_main_file(path) if path.is_dir() else path
    with openslide.OpenSlide(main_file) as slide:
        return {name: slide.properties[name][:200] for name in names if name in slide.properties}


def _resolution(properties: Mapping[str, str]) -> tuple[float | None, float | None]:
    mpp = tuple(
        _number(properties.get(name)) for name in (openslide.PROPERTY_NAME_MPP_X, openslide.PROPERTY_NAME_MPP_Y)
    )
    if mpp[0] and mpp[1]:
        # Screens' 72 dpi and the like are not the resolution of a microscope.
        return (mpp[0], mpp[1]) if max(mpp[0], mpp[1]) < _COARSEST_MPP else (None, None)
    unit = _UNITS_UM.get(properties.get("tiff.ResolutionUnit", ""), 0.0)
    found = []
    for name in ("tiff.XResolution", "tiff.YResolution"):
        per_unit = _number(properties.get(name))
        size = unit / per_unit if per_unit else 0.0
        found.append(size if 0.01 < size < _COARSEST_MPP else None)
    return found[0], found[1]


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None


def _without_path(error: Exception, path: Path) -> str:
    """Leave out where the file lies and what it was called: both may be private."""
    return str(error).replace(str(path), "the file").replace(path.name, "the file").rstrip(".")[:300]
