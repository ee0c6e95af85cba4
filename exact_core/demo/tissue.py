"""Large pieces of tissue, grown from one small openly licensed picture.

The picture is scikit-image's ``immunohistochemistry`` (512 x 512, colon, haematoxylin and DAB). Connective tissue is
laid out from many small cut-outs, then glands are set into it, each turned, scaled and shaded differently and joined
with soft irregular edges, so that nothing repeats as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import color, data

Pixels = NDArray[np.uint8]
Weights = NDArray[np.float32]

_PATCH = 176
_MAXIMUM_GLAND = 288


@dataclass(frozen=True, slots=True)
class Piece:
    """A cut-out with soft edges: ``pixels`` (h, w, 3) float32 in 0..255 and ``alpha`` (h, w) in 0..1."""

    pixels: Weights
    alpha: Weights


def source_picture() -> Pixels:
    """The picture that everything is made from, RGB (512, 512, 3)."""
    picture: Pixels = data.immunohistochemistry()
    return picture


def make_tissue(size: int, brownness: float, seed: int) -> Pixels:
    """Compose a square of tissue.

    Args:
        size: Side in pixels.
        brownness: Factor on the DAB stain of glands; 1 is the picture's own.
        seed: Everything random follows from it.

    Returns:
        RGB (size, size, 3).
    """
    random = np.random.default_rng(seed)
    picture = source_picture()
    gland = gland_mask(picture)
    canvas = np.full((size, size, 3), np.median(picture[~gland], axis=0), dtype=np.float32)
    _lay_connective_tissue(canvas, picture, gland, random)
    _set_glands(canvas, restain(picture, brownness), gland, random)
    return np.clip(canvas, 0, 255).astype(np.uint8)


def gland_mask(picture: Pixels) -> NDArray[np.bool_]:
    """Where the picture is stained brown, smoothed to whole glands."""
    brown = ndimage.gaussian_filter(color.rgb2hed(picture)[..., 2], 6)
    mask: NDArray[np.bool_] = brown > np.quantile(brown, 0.45)
    return ndimage.binary_fill_holes(mask)  # type: ignore[no-any-return]


def restain(picture: Pixels, brownness: float) -> Pixels:
    """The same picture with its DAB stain multiplied."""
    dab = color.rgb2hed(picture)[..., 2:]
    dab = np.clip(dab - np.quantile(dab, 0.3), 0, None)  # what glass has of it is the lamp's colour
    darker = np.exp(-(brownness - 1) * dab * color.rgb_from_hed[2] * np.log(1e6))  # skimage's optical density unit
    restained: Pixels = np.clip(picture * darker, 0, 255).astype(np.uint8)
    return restained


def smooth_noise(shape: tuple[int, int], grain: float, random: np.random.Generator) -> Weights:
    """Noise of about ``grain`` pixels, scaled to mean 0 and standard deviation 1."""
    step = max(1, int(grain / 4))
    coarse = random.standard_normal((shape[0] // step + 4, shape[1] // step + 4)).astype(np.float32)
    coarse = ndimage.gaussian_filter(coarse, grain / step / 2)
    fine = ndimage.zoom(coarse, step, order=1)[: shape[0], : shape[1]] if step > 1 else coarse[: shape[0], : shape[1]]
    noise: Weights = ((fine - fine.mean()) / (fine.std() + 1e-6)).astype(np.float32)
    return noise


def blob(shape: tuple[int, int], random: np.random.Generator, softness: float = 10.0) -> Weights:
    """A rounded, irregular mask that is 1 inside and falls to 0 before the border."""
    y, x = np.ogrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    radius = np.sqrt(x * x + y * y) + 0.10 * smooth_noise(shape, min(shape) / 3, random)
    to_border = np.minimum(1 - np.abs(x), 1 - np.abs(y))
    distance = np.minimum(0.82 - radius, to_border - softness / min(shape)) * min(shape) / 2
    mask: Weights = np.clip(distance / softness + 0.5, 0, 1).astype(np.float32)
    return mask


def _lay_connective_tissue(
    canvas: Weights, picture: Pixels, gland: NDArray[np.bool_], random: np.random.Generator
) -> None:
    """Cover the canvas with overlapping cut-outs of what is not gland."""
    stroma = ndimage.gaussian_filter((~ndimage.binary_dilation(gland, iterations=6)).astype(np.float32), 3)
    pieces: list[Piece] = []
    while len(pieces) < 48:
        y, x = random.integers(0, picture.shape[0] - _PATCH, size=2)
        window = (slice(y, y + _PATCH), slice(x, x + _PATCH))
        alpha = stroma[window] * blob((_PATCH, _PATCH), random)
        if alpha.mean() > 0.30 and picture[window][alpha > 0.5].mean() < 228:
            pieces.append(Piece(picture[window].astype(np.float32), alpha))
    step = 44
    places = [(y, x) for y in range(-step, len(canvas), step) for x in range(-step, len(canvas), step)]
    for index in random.permutation(len(places)):
        y, x = places[index] + random.integers(-20, 20, size=2)
        piece = pieces[random.integers(len(pieces))]
        _paste(canvas, _turn_quarter(piece, random), int(y), int(x), float(random.uniform(0.94, 1.05)))


def _set_glands(canvas: Weights, picture: Pixels, gland: NDArray[np.bool_], random: np.random.Generator) -> None:
    """Set turned and scaled glands, denser in some places than in others."""
    pieces = _gland_pieces(picture, gland, random)
    density = smooth_noise(canvas.shape[:2], len(canvas) / 6, random)
    for _ in range(int(len(canvas) ** 2 / 17_000)):
        y, x = random.integers(-120, len(canvas) - 80, size=2)
        if density[min(y + 120, len(canvas) - 1), min(x + 120, len(canvas) - 1)] < random.normal(-0.45, 0.45):
            continue
        piece = _turn(pieces[random.integers(len(pieces))], random)
        _paste(canvas, piece, int(y), int(x), float(random.uniform(0.93, 1.06)))


def _gland_pieces(picture: Pixels, gland: NDArray[np.bool_], random: np.random.Generator) -> list[Piece]:
    """Cut whole glands and rounded parts of the larger ones."""
    soft = ndimage.gaussian_filter(ndimage.binary_dilation(gland, iterations=4).astype(np.float32), 2.5)
    pieces: list[Piece] = []
    while len(pieces) < 30:
        height, width = random.integers(150, _MAXIMUM_GLAND, size=2)
        y, x = random.integers(0, picture.shape[0] - height), random.integers(0, picture.shape[1] - width)
        window = (slice(y, y + height), slice(x, x + width))
        alpha = soft[window] * blob((height, width), random, softness=7)
        if alpha.mean() > 0.36:
            pieces.append(Piece(picture[window].astype(np.float32), alpha))
    return pieces


def _turn(piece: Piece, random: np.random.Generator) -> Piece:
    """Turn by any angle and scale a little."""
    angle, scale = random.uniform(0, 2 * np.pi), random.uniform(0.8, 1.25)
    cosine, sine = np.cos(angle) / scale, np.sin(angle) / scale
    matrix = np.array([[cosine, -sine], [sine, cosine]])
    side = int(np.hypot(*piece.alpha.shape) * scale) + 2
    centre_in, centre_out = np.array(piece.alpha.shape) / 2, np.array([side, side]) / 2
    offset = centre_in - matrix @ centre_out

    def turned(band: Weights) -> Weights:
        return ndimage.affine_transform(band, matrix, offset, (side, side), order=1, mode="constant")  # type: ignore[no-any-return]

    pixels = np.stack([turned(piece.pixels[..., band]) for band in range(3)], axis=-1)
    return Piece(pixels, turned(piece.alpha))


def _turn_quarter(piece: Piece, random: np.random.Generator) -> Piece:
    """Turn by a multiple of 90 degrees and mirror half of the time."""
    turns, mirrored = int(random.integers(4)), bool(random.integers(2))
    pixels, alpha = np.rot90(piece.pixels, turns), np.rot90(piece.alpha, turns)
    return Piece(pixels[:, ::-1], alpha[:, ::-1]) if mirrored else Piece(pixels, alpha)


def _paste(canvas: Weights, piece: Piece, y: int, x: int, gain: float) -> None:
    """Blend a piece in at (y, x), cut at the canvas' border, its stain scaled by ``gain``."""
    height, width = piece.alpha.shape
    top, left = max(0, -y), max(0, -x)
    bottom, right = min(height, canvas.shape[0] - y), min(width, canvas.shape[1] - x)
    if bottom <= top or right <= left:
        return
    target = canvas[y + top : y + bottom, x + left : x + right]
    alpha = piece.alpha[top:bottom, left:right, None]
    pixels = 255 - (255 - piece.pixels[top:bottom, left:right]) * gain
    target += alpha * (pixels - target)
