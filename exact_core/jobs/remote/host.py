"""The host of a job on a machine that has neither the database nor the files: it asks the server over HTTPS."""

from __future__ import annotations

import logging
import secrets
import shutil
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from exact_core.api.errors import ExactError, Invalid, Unavailable
from exact_core.jobs.hosts import wire
from exact_core.jobs.hosts.protocol import HostedImage, NewFile, NewModel, NewRun, Said, Verdict
from exact_core.jobs.interruption import JobLost
from exact_core.jobs.remote.fetched_files import checked_name, checked_sha256, is_content, is_manifest
from exact_core.models.archives import pack
from exact_core.tiles.region_limits import LARGEST_REGION, LARGEST_SIDE
from exact_core.tiles.samples import Window, samples_from

if TYPE_CHECKING:
    from exact_core.api.models import StoredModel
    from exact_core.api.training import TrainingSet
    from exact_core.jobs.remote.connection import Connection
    from exact_core.tiles.samples import Samples

logger = logging.getLogger(__name__)

_MOST_LINES = 1000
_LONGEST_LINE = 4000
_LONGEST_NEWS = 1.0


class RemoteHost:
    """Answers one attempt at a job (``JobHost``) with what the server says."""

    def __init__(self, connection: Connection, lease: str, beat_seconds: float, cache: Path) -> None:
        self._connection = connection
        self._at = f"/leases/{lease}"
        self._beat_seconds = beat_seconds
        self._cache = cache
        self._lock = threading.Lock()
        self._said = Said(0.0)
        self._lines: list[str] = []
        self._is_new = threading.Event()
        self._ended = threading.Event()
        self._verdict = Verdict.GO_ON
        self._keeper = threading.Thread(target=self._keep, name="exact-lease", daemon=True)
        self._keeper.start()

    @property
    def verdict(self) -> Verdict:
        """What the server said last about whether to go on."""
        return self._verdict

    def beat(self, said: Said) -> Verdict:
        """Take what the job says; it is sent soon, so that no job waits for the network to tell its progress."""
        with self._lock:
            self._said = said
            self._lines += said.lines
        self._is_new.set()
        return self._verdict

    def note(self, lines: Sequence[str]) -> None:
        """Take lines of the log."""
        with self._lock:
            self._lines += lines
        self._is_new.set()

    def image(self, image_id: int) -> HostedImage:
        """Describe an image."""
        return wire.image_from_json(self._ask("GET", f"/images/{image_id}").json())

    def read(self, image_id: int, window: Window) -> Samples:
        """Read a rectangle of an image, in as many requests as its size takes."""
        across = min(window.width, LARGEST_SIDE)
        down = min(window.height, LARGEST_SIDE, max(1, LARGEST_REGION // across))
        if (across, down) == (window.width, window.height):
            return self._region(image_id, window)
        rows = []
        for top in range(0, window.height, down):
            height = min(down, window.height - top)
            lefts = range(0, window.width, across)
            parts = [(window.x + left, min(across, window.width - left)) for left in lefts]
            told = window.as_json() | {"y": window.y + top, "height": height}
            row = [self._region(image_id, Window(**(told | {"x": x, "width": width}))) for x, width in parts]
            rows.append(np.concatenate(row, axis=1))
        return np.concatenate(rows)

    def model(self, uuid: str) -> StoredModel:
        """Bring a stored model to this machine; every byte is checked against its checksum, also when it was here."""
        told = self._ask("GET", f"/models/{uuid}").json()
        model = wire.model_from_json(told["model"])
        if not told["files"]:
            return model
        folder = self._cache / checked_sha256(model.sha256)
        if not is_content(folder, model.sha256):
            self._fetch(model, told["files"], folder)
        return replace(model, folder=folder)

    def keep_model(self, folder: Path, new: NewModel) -> StoredModel:
        """Send a folder of model files."""
        with tempfile.TemporaryDirectory(prefix="exact-model-") as place:
            archive = Path(place) / "model.zip"
            with archive.open("wb") as file:
                pack(folder, file)
            told = self._ask("POST", "/models", query=asdict(new), file=archive).json()
        return wire.model_from_json(told["model"], folder)

    def keep_run(self, recording: Path, new: NewRun) -> None:
        """Send a recording of predictions."""
        query = {"image_id": new.image_id, "model": new.model_uuid, "label": list(new.labels)}
        self._ask("POST", "/predictions", query=query, file=recording)

    def attach(self, path: Path, new: NewFile) -> None:
        """Send a file for a version."""
        self._ask("POST", "/files", query=asdict(new), file=path)

    def training_set(self) -> TrainingSet:
        """Bring the manifest that a training job learns from to this machine, checked against its hash."""
        told = self._ask("GET", "/training-set").json()
        sha256 = checked_sha256(str(told["manifest_sha256"]))
        manifest = self._cache / "manifests" / f"{sha256}.jsonl.gz"
        if not is_manifest(manifest, sha256):
            manifest.parent.mkdir(parents=True, exist_ok=True)
            coming = manifest.with_name(f"{secrets.token_hex(8)}.coming")
            try:
                self._connection.fetch(f"{self._at}/training-set/manifest", {}, coming)
                if not is_manifest(coming, sha256):
                    raise Unavailable("The manifest of the version did not arrive as it is on the server.")
                coming.replace(manifest)
            finally:
                coming.unlink(missing_ok=True)
        return wire.training_set_from_json(told, manifest)

    def curve(self, step: int, values: Mapping[str, float]) -> None:
        """Send a point of the curves of a training."""
        self._ask("POST", "/curve", told={"step": step, "values": wire.figures_as_json(values)})

    def keep_evaluation(self, path: Path) -> None:
        """Send an evaluation of a trained model."""
        self._ask("POST", "/evaluations", file=path)

    def end(self, told: Mapping[str, Any]) -> None:
        """Say how the attempt ended, and stop giving signs of life; nothing, when the job is somebody else's."""
        self._ended.set()
        self._is_new.set()
        self._keeper.join()
        with self._lock:
            said, lines = self._said, self._lines[-_MOST_LINES:]
        message = told.get("message") or said.message
        end = {**told, "message": message, "progress": said.progress, "lines": [line[:_LONGEST_LINE] for line in lines]}
        try:
            self._ask("POST", "/end", told=end)
        except JobLost:
            logger.warning("The job went to another worker, or is gone; what was done is dropped.")

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        if self._verdict is Verdict.LOST:
            raise JobLost
        try:
            return self._connection.ask(method, self._at + path, **more)
        except JobLost:
            self._verdict = Verdict.LOST
            raise

    def _region(self, image_id: int, window: Window) -> Samples:
        answer = self._ask("GET", f"/images/{image_id}/region", query=window.as_json())
        shape = [int(side) for side in answer.headers["x-exact-shape"].split(",")]
        return samples_from({"shape": shape, "dtype": answer.headers["x-exact-dtype"]}, answer.body)

    def _fetch(self, model: StoredModel, names: Sequence[str], folder: Path) -> None:
        self._cache.mkdir(parents=True, exist_ok=True)
        coming = Path(tempfile.mkdtemp(dir=self._cache, prefix="coming-"))
        try:
            for name in names:
                target = coming / checked_name(name)
                target.parent.mkdir(exist_ok=True)
                self._connection.fetch(f"{self._at}/models/{model.uuid}/file", {"name": name}, target)
            if not is_content(coming, model.sha256):
                raise Unavailable(f"The files of the model {model.name!r} did not arrive as they are on the server.")
            shutil.rmtree(folder, ignore_errors=True)
            coming.replace(folder)
        except OSError as error:
            if not is_content(folder, model.sha256):  # another slot may have been first
                raise Invalid(f"The model {model.name!r} cannot be kept in {self._cache}: {error.strerror}.") from None
        finally:
            shutil.rmtree(coming, ignore_errors=True)

    def _keep(self) -> None:
        """Give signs of life: soon when there is something to tell, and always in time."""
        while not self._ended.is_set():
            self._is_new.wait(self._beat_seconds)
            if self._ended.wait(0 if self._verdict is not Verdict.GO_ON else _LONGEST_NEWS / 4):
                return
            self._is_new.clear()
            with self._lock:
                said, lines, self._lines = self._said, self._lines[-_MOST_LINES:], []
            told = {"progress": said.progress, "message": said.message}
            try:
                answer = self._connection.ask(
                    "POST",
                    f"{self._at}/beat",
                    told={**told, "lines": [line[:_LONGEST_LINE] for line in lines]},
                    patience=0,
                )
                self._verdict = Verdict(answer.json()["verdict"])
            except JobLost:
                self._verdict = Verdict.LOST
            except ExactError as error:
                logger.warning("No sign of life could be given: %s", error.message)
                with self._lock:
                    self._lines = [*lines, *self._lines]
            if self._verdict is not Verdict.GO_ON:
                self._ended.wait(self._beat_seconds)
