"""A host for tests of portable jobs: it has one picture and one model, and remembers what it was told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from exact_core.api.drivers import SourceInfo, SourceLevel
from exact_core.api.errors import NotFound
from exact_core.api.images import ImageInfo
from exact_core.api.models import StoredModel
from exact_core.api.predictions import PredictedShapes
from exact_core.jobs.hosts.protocol import HostedImage, NewFile, NewModel, NewRun, Said, Verdict
from exact_core.jobs.hosts.recording import replay
from exact_core.tiles.samples import Window, read_window

IMAGE = 5


class RememberingHost:
    """Answers as an instance would (``JobHost``)."""

    def __init__(self) -> None:
        self.said: list[Said] = []
        self.printed: list[str] = []
        self.runs: list[tuple[NewRun, RememberingWriter]] = []
        self.verdict = Verdict.GO_ON
        self.cancelled_at = "never"
        self.pixels = np.random.default_rng(1).integers(0, 60_000, (200, 300), dtype=np.uint16)

    @property
    def lines(self) -> list[str]:
        """Everything that was logged or printed."""
        return [line for said in self.said for line in said.lines] + self.printed

    @property
    def info(self) -> SourceInfo:
        """What the picture offers."""
        height, width = self.pixels.shape
        return SourceInfo("test", (SourceLevel(width, height, 1.0),), is_color=False)

    def beat(self, said: Said) -> Verdict:
        self.said.append(said)
        if said.message == self.cancelled_at:
            self.verdict = Verdict.CANCEL
        return self.verdict

    def image(self, image_id: int) -> HostedImage:
        if image_id != IMAGE:
            raise NotFound(f"There is no image {image_id}.")
        return HostedImage(ImageInfo(IMAGE, 1, "picture", 300, 200), self.info)

    def read(self, image_id: int, window: Window) -> Any:
        return read_window(_Source(self.pixels, self.info), window)

    def model(self, uuid: str) -> StoredModel:
        return StoredModel(uuid, "a model", "works.kind", ("cell",))

    def keep_model(self, folder: Path, new: NewModel) -> StoredModel:
        return StoredModel("m-2", new.name, new.kind, card={"files": sorted(each.name for each in folder.iterdir())})

    def keep_run(self, recording: Path, new: NewRun) -> None:
        writer = RememberingWriter()
        with recording.open("rb") as file:
            replay(file, writer)
        self.runs.append((new, writer))

    def attach(self, path: Path, new: NewFile) -> None:
        self.printed.append(f"attached {new.name}: {path.read_text()}")


class RememberingWriter:
    """Takes predictions (``PredictionWriter``)."""

    def __init__(self) -> None:
        self.shapes: list[PredictedShapes] = []
        self.maps: list[tuple[str, Any]] = []
        self.labels: list[tuple[int, float, float | None]] = []

    def add(self, shapes: PredictedShapes) -> None:
        self.shapes.append(shapes)

    def map(self, name: str, **facts: Any) -> _Bands:
        return _Bands(self, name)

    def label_image(self, label: int, score: float, uncertainty: float | None = None) -> None:
        self.labels.append((label, score, uncertainty))


class _Bands:
    def __init__(self, writer: RememberingWriter, name: str) -> None:
        self._writer, self._name, self._rows = writer, name, []

    def __enter__(self) -> _Bands:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._writer.maps.append((self._name, np.concatenate(self._rows)))

    def write(self, band: Any) -> None:
        self._rows.append(band)


class _Source:
    memory_bytes = 0

    def __init__(self, pixels: Any, info: SourceInfo) -> None:
        self._pixels, self.info = pixels, info

    def read(self, level: int, x: int, y: int, width: int, height: int, z: int, t: int, channel: int) -> Any:
        return self._pixels[y : y + height, x : x + width]
