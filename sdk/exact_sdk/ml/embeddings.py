"""Vectors of pictures, kept on disk: an encoder looks at each piece of an image once."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exact_core.api.errors import Invalid

Vectors = NDArray[np.float32]

GIBIBYTE = 1024**3


@dataclass(frozen=True, slots=True)
class Piece:
    """What a vector was made of.

    Attributes:
        sha256: Of the image's file.
        x: Left edge, in level-0 pixels.
        y: Upper edge, in level-0 pixels.
        width: In level-0 pixels.
        height: In level-0 pixels.
        frame: z, t and c.
        side: Of the picture that the encoder was given, in pixels.
    """

    sha256: str
    x: float
    y: float
    width: float
    height: float
    frame: tuple[int, int, int] = (0, 0, -1)
    side: int = 224

    def key(self, model: str, preprocess: str = "") -> str:
        """The name under which the vector of an encoder is kept.

        Args:
            model: ``Encoder.id``, or the checksum of a model.
            preprocess: ``Preprocess.text()``, where it may differ for the model.

        Raises:
            Invalid: The image has no checksum, so that another may come in its place.
        """
        if not self.sha256:
            raise Invalid("The image has no checksum yet; what is kept of it could be taken for another image's.")
        place = [float(one) + 0.0 for one in (self.x, self.y, self.width, self.height)]  # 1, 1.0 and -0.0 are one place
        facts = [self.sha256, place, self.frame, int(self.side), model, preprocess]
        text = json.dumps(facts, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


class EmbeddingCache:
    """Files of one vector each, below a folder; what was not used for longest goes when there is no room.

    Several processes may use one folder: files appear whole, and a file that is gone is made again.
    """

    def __init__(self, folder: Path, limit_bytes: int = GIBIBYTE) -> None:
        """Use a folder.

        Args:
            folder: Made when it is not there.
            limit_bytes: Most bytes of all files together.

        Raises:
            Invalid: The limit is not positive.
        """
        if limit_bytes < 1:
            raise Invalid(f"A cache of {limit_bytes} bytes keeps nothing; give it more.")
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._limit = folder, limit_bytes
        self._bytes = sum(size for _, size, _ in self._files())

    @property
    def bytes(self) -> int:
        """What the files have together, as far as this process knows."""
        return self._bytes

    def get(self, key: str) -> Vectors | None:
        """A vector, or None when it is not there or its file is damaged."""
        path = self._path(key)
        try:
            found: NDArray[Any] = np.load(path, allow_pickle=False)
            os.utime(path)
        except FileNotFoundError:
            return None
        except (ValueError, EOFError, OSError):
            path.unlink(missing_ok=True)
            return None
        return found

    def put(self, key: str, vector: Vectors) -> None:
        """Keep a vector; all or nothing."""
        path = self._path(key)
        path.parent.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
            try:
                np.save(file, vector, allow_pickle=False)
                file.close()
                Path(file.name).replace(path)
            except OSError:
                Path(file.name).unlink(missing_ok=True)
                raise
        self._bytes += path.stat().st_size
        if self._bytes > self._limit:
            self._make_room()

    def of(self, keys: Sequence[str], compute: Callable[[list[int]], Vectors]) -> Vectors:
        """Vectors of many pieces; only those that are not there are computed, all at once.

        Args:
            keys: One per piece.
            compute: Is given the places of those that are missing, and answers ``(missing, d)``.

        Returns:
            ``(n, d)`` in the order of the keys.
        """
        found = [self.get(key) for key in keys]
        missing = [place for place, vector in enumerate(found) if vector is None]
        if missing:
            for place, vector in zip(missing, compute(missing), strict=True):
                found[place] = vector
                self.put(keys[place], vector)
        return np.stack([vector for vector in found if vector is not None])

    def _make_room(self) -> None:
        """Remove what was used longest ago, down to nine tenths, so that not every vector asks for it again."""
        files = sorted(self._files())
        self._bytes = sum(size for _, size, _ in files)
        for _, size, path in files:
            if self._bytes <= self._limit * 9 // 10:
                break
            path.unlink(missing_ok=True)
            self._bytes -= size

    def _files(self) -> list[tuple[int, int, Path]]:
        found = []
        for path in self._folder.glob("??/*.npy"):
            try:
                facts = path.stat()
            except FileNotFoundError:  # another process makes room too
                continue
            found.append((facts.st_mtime_ns, facts.st_size, path))
        return found

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.npy"
