"""Colour deconvolution: how much of haematoxylin, eosin and DAB there is in a pixel.

Ruifrok and Johnston, Quantification of histochemical staining by color deconvolution, Anal. Quant. Cytol. Histol.
23 (2001), 291-299; the vectors are scikit-image's ``hed_from_rgb``, whose unit of optical density is used too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import color

Stains = NDArray[np.float32]

_OPTICAL_DENSITY = -np.log(np.maximum(np.arange(256) / 255, 1e-6)).astype(np.float32) / np.float32(np.log(1e6))
_HED = color.hed_from_rgb.astype(np.float32)
FINE, COARSE = 1.0, 9.0
"""Standard deviations, in µm, between which a nucleus stands out."""


def separated(pixels: NDArray[np.uint8]) -> Stains:
    """Haematoxylin, eosin and DAB of RGB pixels ``(height, width, 3)``, in scikit-image's HED units."""
    stains: Stains = _OPTICAL_DENSITY[pixels[..., :3]] @ _HED
    return stains


def nuclear_contrast(stains: Stains, mpp: float) -> Stains:
    """How much more haematoxylin there is than around a place, ``(height, width)``.

    Args:
        stains: As :func:`separated` gives them.
        mpp: Micrometres per pixel.
    """
    blueness = stains[..., 0] - 0.5 * stains[..., 2]  # brown membranes leak into the haematoxylin channel
    fine = ndimage.gaussian_filter(blueness, FINE / mpp)
    contrast: Stains = fine - ndimage.gaussian_filter(blueness, COARSE / mpp)
    return contrast


def reach(mpp: float) -> int:
    """How far, in pixels, :func:`nuclear_contrast` looks around a place."""
    return int(4.0 * COARSE / mpp + 0.5)  # where scipy's Gaussian ends
