"""Writing one run: nothing of it is visible before it is whole, and nothing of it stays when it does not become so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self, cast

import numpy as np
from sqlalchemy import Table, insert, select, update

from exact_core.annotations.bulk import new_uuids
from exact_core.annotations.geometry import label as label_geometry
from exact_core.annotations.packing import pack
from exact_core.api.errors import Conflict, Invalid, NotFound
from exact_core.predictions.arrays import Found, checked
from exact_core.predictions.chunks import STEPS, histogram_of, in_chunks
from exact_core.predictions.maps import writing
from exact_core.predictions.removing import folder_of, remove_unfinished
from exact_core.storage.models import Image, Job, PredictionChunk, PredictionMap, PredictionRun, now

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sqlalchemy.orm import Session

    from exact_core.api.models import StoredModel
    from exact_core.api.predictions import MapWriter, PredictedShapes
    from exact_core.services import Services

_AT_ONCE = 20_000
"""Shapes that are collected before they are written: chunks are then full where a model goes over a slide in rows."""

_MOST_LABELS = 1_000
_MOST_SHAPES = 20_000_000
_CHUNKS = cast("Table", PredictionChunk.__table__)


class RunWriter:
    """Keeps what one job finds in one image, as ``exact_core.api.PredictionWriter`` says.

    A job that is run again removes what its earlier attempt left unfinished. When an earlier attempt finished this
    image, ``is_done`` says so, and what is handed over is dropped: the run is there already.
    """

    def __init__(
        self,
        services: Services,
        job_id: int,
        image_set_id: int,
        image_id: int,
        model: StoredModel,
        labels: Sequence[str] = (),
    ) -> None:
        self._services = services
        self._job_id = job_id
        self._image_set_id = image_set_id
        self._image_id = image_id
        self._model = model
        self._labels = _checked_labels(labels or model.labels)
        self._run_id = 0
        self._uuid = new_uuids(1)[0]
        self._waiting: list[Found] = []
        self._count = self._skipped = 0
        self._histogram = np.zeros((len(self._labels), STEPS), np.int64)
        self._size = (0, 0)
        self.is_done = False

    def __enter__(self) -> Self:
        remove_unfinished(self._services, self._job_id, self._image_id)
        with self._services.database.write() as session:
            image = session.get(Image, self._image_id)
            if image is None or image.deleted_at is not None or image.image_set_id != self._image_set_id:
                raise NotFound(f"There is no image {self._image_id} in image set {self._image_set_id} any more.")
            if not (image.width and image.height):
                raise Conflict(f"Image {image.name} has no size yet: wait until it is ready.")
            self._size = image.width, image.height
            own = (PredictionRun.job_id == self._job_id, PredictionRun.image_id == self._image_id)
            self.is_done = session.scalar(select(PredictionRun.id).where(*own)) is not None
            if not self.is_done:
                self._run_id = self._begin(session)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.is_done:
            return
        finished = False
        try:
            if kind is None:
                self._flush()
                self._finish()
                finished = True
        finally:
            if not finished:
                remove_unfinished(self._services, self._job_id, self._image_id, self._uuid)

    def add(self, shapes: PredictedShapes) -> None:
        """Take shapes."""
        found, refused = checked(shapes, len(self._labels), *self._size)
        self._skipped += len(refused)
        self._keep(found)

    def label_image(self, label: int, score: float, uncertainty: float | None = None) -> None:
        """Say the class of the whole image, with its score."""
        if not 0 <= label < len(self._labels):
            raise Invalid(f"label: {label} is outside of the {len(self._labels)} labels of the run.")
        for name, value in (("score", score), ("uncertainty", uncertainty)):
            if value is not None and not 0 <= value <= 1:
                raise Invalid(f"{name}: a number from 0 to 1 is needed, not {value}.")
        width, height = self._size
        self._keep(
            Found(
                [pack(label_geometry())],
                np.array([[0, 0, width, height]], np.int64),
                np.array([label], np.int64),
                np.array([score], np.float32),
                np.array([np.nan if uncertainty is None else uncertainty], np.float32),
            )
        )

    @contextmanager
    def map(
        self, name: str, *, width: int, height: int, downsample: float, label: int | None = None, x: int = 0, y: int = 0
    ) -> Iterator[MapWriter]:
        """Take a map of values."""
        if not (name and len(name) <= 60 and name.isprintable()):
            raise Invalid("name: a map has a plain name of at most 60 characters.")
        if label is not None and not 0 <= label < len(self._labels):
            raise Invalid(f"label: {label} is outside of the {len(self._labels)} labels of the run.")
        if not 0 < downsample < 2**20:
            raise Invalid("downsample: how many level-0 pixels one map pixel spans; it must be above 0.")
        if self.is_done:
            yield _Dropped()
            return
        number = -1 if label is None else label
        values = {"name": name, "label": number, "width": width, "height": height, "downsample": downsample}
        with self._services.database.write() as session:
            self._require_own(session)
            own = (PredictionMap.run_id == self._run_id, PredictionMap.name == name, PredictionMap.label == number)
            if session.scalar(select(PredictionMap.id).where(*own)) is not None:
                raise Invalid(f"This run has a map {name!r} of that label already.")
            row = PredictionMap(run_id=self._run_id, x=x, y=y, path="", **values)
            session.add(row)
            session.flush()
            row.path = f"{folder_of(self._image_id, self._uuid)}/{row.id}.tiles"
            path = row.path
        with writing(self._services.blobs.path(path), width, height) as pyramid:
            yield pyramid

    def _keep(self, found: Found) -> None:
        if self.is_done or not len(found):
            return
        if self._count + len(found) > _MOST_SHAPES:
            raise Invalid(f"A run holds at most {_MOST_SHAPES:,} shapes; raise the model's threshold.")
        for label in np.unique(found.labels).tolist():
            self._histogram[label] += histogram_of(found.scores[found.labels == label])
        self._waiting.append(found)
        self._count += len(found)
        if sum(map(len, self._waiting)) >= _AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        """Write what is collected, in chunks."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        found = Found(
            [packed for each in waiting for packed in each.packed],
            np.concatenate([each.boxes for each in waiting]),
            np.concatenate([each.labels for each in waiting]),
            np.concatenate([each.scores for each in waiting]),
            np.concatenate([each.uncertainties for each in waiting]),
        )
        first = self._count - len(found)
        rows: list[dict[str, object]] = []
        for chunk in in_chunks(found):
            x0, y0, x1, y1 = chunk.box
            place: dict[str, object] = {"x0": x0, "y0": y0, "x1": x1, "y1": y1}
            values = {"n": chunk.n, "label": chunk.label, "histogram": chunk.histogram, "data": chunk.data}
            rows.append({"run_id": self._run_id, "first": first} | place | values)
            first += chunk.n
        with self._services.database.write() as session:
            self._require_own(session)
            session.execute(insert(_CHUNKS), rows)

    def _begin(self, session: Session) -> int:
        job = session.get(Job, self._job_id)
        given = {} if job is None else dict(job.params)
        area = given.get("area")
        run = PredictionRun(
            uuid=self._uuid,
            image_set_id=self._image_set_id,
            image_id=self._image_id,
            job_id=self._job_id,
            asked_by_id=None if job is None else job.owner_id,
            model_uuid=self._model.uuid,
            model_name=self._model.name[:200],
            model_kind=self._model.kind,
            model_sha256=self._model.sha256,
            model_version_id=self._model.version_id,
            params=given.get("settings") or {},
            area=[area[name] for name in ("x0", "y0", "x1", "y1")] if area else None,
            labels=list(self._labels),
        )
        session.add(run)
        session.flush()
        return run.id

    def _require_own(self, session: Session) -> None:
        """Refuse to write to a run that another attempt of this job has removed."""
        # By its uuid: SQLite gives the number of a deleted row again.
        own = select(PredictionRun.id).where(PredictionRun.uuid == self._uuid, PredictionRun.state == "writing")
        if session.scalar(own.with_for_update()) is None:
            raise Conflict("Another worker has taken this job; what this one found is dropped.")

    def _finish(self) -> None:
        with self._services.database.write() as session:
            self._require_own(session)
            session.execute(
                update(PredictionRun)
                .where(PredictionRun.id == self._run_id)
                .values(
                    state="ready",
                    ready_at=now(),
                    n_shapes=self._count,
                    n_skipped=self._skipped,
                    histogram=self._histogram.tolist(),
                )
            )


class _Dropped:
    """Takes a map that is there already."""

    def write(self, band: NDArray[np.uint8]) -> None:
        """Drop it."""


def _checked_labels(labels: Sequence[str]) -> tuple[str, ...]:
    found = tuple(labels)
    if not 1 <= len(found) <= _MOST_LABELS:
        raise Invalid(f"labels: a model has 1 to {_MOST_LABELS:,} of them, not {len(found)}.")
    if any(not each or len(each) > 200 or "\x00" in each for each in found) or len(set(found)) < len(found):
        raise Invalid("labels: each has 1 to 200 characters, and no two are the same.")
    return found
