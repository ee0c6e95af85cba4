"""What a running job holds: its parameters, and the way to tell about progress and to learn that it should stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import update

from exact_core.api.errors import Invalid, Unavailable
from exact_core.jobs.interruption import JobCancelled, JobInterrupted, JobLost, JobOverdue
from exact_core.storage.models import Job, from_now, now

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.orm import Session

    from exact_core.api.context import PluginContext
    from exact_core.api.contributions import ArtefactKind
    from exact_core.api.exchange import ImportedShape
    from exact_core.api.images import ImageInfo
    from exact_core.api.models import StoredModel
    from exact_core.api.pixels import PixelReader
    from exact_core.api.predictions import PredictionWriter
    from exact_core.api.training import Evaluation, TrainingSet
    from exact_core.services import Services

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN_WRITES = 0.7
_LOG_CHARACTERS = 64 * 1024


@dataclass(slots=True)
class JobContext:
    """One attempt at one job; the job's function takes it as its only argument (``exact_core.api.JobContext``).

    Attributes:
        services: The parts of the instance.
        job_id: The row.
        type: Full name of the job's type.
        params: The parameters: plain JSON values, checked against the type's model.
        worker: Who runs it, as written in the row.
        attempt: 1 at the first try.
        image_set_id: The set that the job is about.
        image_id: The image that the job is about.
        owner_id: The user who asked for it; None for the system.
        lease_seconds: How long the job stays this worker's after a sign of life.
        seconds: After how long the job should end; 0 is never.
        stopping: Set when the worker stops.
    """

    services: Services
    job_id: int
    type: str
    params: Mapping[str, Any]
    worker: str
    attempt: int
    image_set_id: int | None = None
    image_id: int | None = None
    owner_id: int | None = None
    earlier_log: str = ""
    lease_seconds: float = 30.0
    seconds: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)
    is_finished: bool = False
    _cancelled: threading.Event = field(default_factory=threading.Event)
    _lost: threading.Event = field(default_factory=threading.Event)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _progress: float = 0.0
    _message: str = ""
    _log: list[str] = field(default_factory=list)
    _began_at: float = field(default_factory=time.monotonic)
    _written_at: float = 0.0
    _log_is_new: bool = False

    def read(self) -> AbstractContextManager[Session]:
        """Open a session that only reads."""
        return self.services.database.read()

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a session that commits when the block ends well and the job is still this worker's."""
        was_finished = self.is_finished
        try:
            with self.services.database.write() as session:
                yield session
                if not self.is_finished:
                    session.flush()
                    self._hold(session)
        except BaseException:
            self.is_finished = was_finished
            raise

    def finish(self, session: Session, result: Mapping[str, Any] | None = None) -> None:
        """End the job as done in a transaction of :meth:`write`, with what it has written there: both or neither."""
        values = {"state": "done", "progress": 1.0, "result": dict(result or {}), "log": self.log_text}
        values |= {"message": self._message, "heartbeat_at": from_now(), "lease_until": None, "finished_at": from_now()}
        session.flush()
        if session.execute(self.mine().values(**values).returning(Job.id)).scalar() is None:
            raise JobLost
        self.is_finished = True

    def _hold(self, session: Session) -> None:
        values = {"heartbeat_at": from_now(), "lease_until": from_now(self.lease_seconds)}
        if session.execute(self.mine().values(**values).returning(Job.id)).scalar() is None:
            self._lost.set()
            raise JobLost

    @property
    def plugin(self) -> PluginContext:
        """What the plugin whose job this is may reach."""
        return self.services.kernel.context_of(self.type.partition(".")[0])

    def open_image(self, image_id: int | None = None) -> PixelReader:
        """Open an image of the job's set for reading; the job's own image when none is named."""
        from exact_core.jobs.hosts.images import open_reader

        chosen = self.image_id if image_id is None else image_id
        if chosen is None:
            raise Invalid(f"The job {self.type} is about no image: name the one to open.")
        return open_reader(self.services, self.owner_id, self._image_set(), chosen)

    def add_image(self, path: Path, name: str) -> ImageInfo:
        """Make an image of a finished picture file, in the job's image set and with the rights of its owner."""
        from exact_core.jobs import plugin_work  # only jobs of plugins need what it needs

        return plugin_work.add_image(self.services, self.owner_id, self._image_set(), path, name)

    def add_annotations(self, image_id: int, shapes: Sequence[ImportedShape], *, product: str) -> list[int]:
        """Add annotations to an image of the job's set, all or none, with the rights of the job's owner."""
        from exact_core.jobs import plugin_work

        work = plugin_work.Adding(self.services, self.owner_id, self._image_set(), image_id)
        return work.add(shapes, product, run=f"{self.type} {self.job_id}")

    def predictions(
        self, image_id: int | None = None, *, model: StoredModel, labels: Sequence[str] = ()
    ) -> AbstractContextManager[PredictionWriter]:
        """Write what a model finds in an image, beside the annotations of people."""
        from exact_core.predictions.writing import RunWriter

        image_id = image_id or self.image_id
        if image_id is None:
            raise Invalid(f"The job {self.type} is about no image; say which one the predictions are of.")
        return RunWriter(self.services, self.job_id, self._image_set(), image_id, model, labels)

    def training_set(self) -> TrainingSet:
        """The version, classes and split that this training was started with."""
        from exact_core.training.data import training_set_of

        return training_set_of(self.services, self.job_id)

    def curve(self, step: int, values: Mapping[str, float]) -> None:
        """Add a point to the curves of this training."""
        from exact_core.training.curves import add_point

        self.check()
        add_point(self.services, self.job_id, step, values)

    def evaluated(self, evaluation: Evaluation) -> None:
        """Have the trained model judged."""
        from exact_core.training.evaluations import keep_evaluation

        self.check()
        keep_evaluation(self.services, self.job_id, evaluation)

    def model(self, uuid: str) -> StoredModel:
        """Fetch a stored model, its files checked and in a folder of this machine."""
        from exact_core.models import store

        return store.open_for_job(self.services, self.owner_id, self.image_set_id, uuid)

    def save_model(self, folder: Path, *, name: str, kind: str, version_id: int | None = None) -> StoredModel:
        """Keep a folder of model files for the owner of the job."""
        from exact_core.models import store
        from exact_core.training.runs import remember_model

        kept = store.keep_for_job(self.services, self.owner_id, self.image_set_id, folder, name, kind, version_id)
        remember_model(self.services, self.job_id, kept.uuid)
        return kept

    def attach(
        self, version_id: int, path: Path, *, name: str, kind: ArtefactKind, media_type: str, description: str = ""
    ) -> None:
        """Keep a file with a version of the job's image set."""
        from exact_core.models import store

        job = self.services, self.owner_id, self._image_set()
        store.attach_for_job(
            *job, version_id, path, name=name, kind=kind, media_type=media_type, description=description
        )

    def _image_set(self) -> int:
        if self.image_set_id is None:
            raise Invalid(f"The job {self.type} is about no image set, so nothing can be added.")
        return self.image_set_id

    def report(self, progress: float, message: str = "") -> None:
        """Tell how far the job is, from 0 to 1; raises when the job should end. Call it as often as you like."""
        self._progress = min(max(progress, 0.0), 1.0)
        if message:
            self._message = message[:500]
        self.check()
        if time.monotonic() - self._written_at >= _SECONDS_BETWEEN_WRITES:
            self.beat()
            self.check()

    def log(self, line: str) -> None:
        """Add a line to what the job's page shows; written with the next progress."""
        with self._lock:
            self._log.append(f"{now():%Y-%m-%d %H:%M:%S} {line}")
            self._log_is_new = True

    def check(self) -> None:
        """Raise when the job was cancelled, the worker stops, or another worker has the job."""
        if self._lost.is_set():
            raise JobLost
        if self._cancelled.is_set():
            raise JobCancelled
        if self.is_overdue():
            raise JobOverdue
        if self.stopping.is_set():
            raise JobInterrupted

    def cancelled(self) -> JobCancelled:
        """Remember that somebody cancelled, as :meth:`beat` would have found out; what to raise."""
        self._cancelled.set()
        return JobCancelled()

    @property
    def should_end(self) -> bool:
        """Whether ``check`` would raise."""
        flags = self._lost, self._cancelled, self.stopping
        return self.is_overdue() or any(flag.is_set() for flag in flags)

    def is_overdue(self, seconds: float = 0.0) -> bool:
        """Whether the job should have ended, that many seconds ago."""
        return bool(self.seconds) and time.monotonic() - self._began_at >= self.seconds + seconds

    def give_up(self) -> None:
        """Let nothing be written any more: the job was ended without its doing."""
        self._lost.set()

    def beat(self) -> None:
        """Renew the lease, write progress and log, and learn whether somebody cancelled.

        A database that is away cannot give the job to another worker either: the job goes on.
        """
        with self._lock:
            if self.is_finished:
                return
            values: dict[str, Any] = {
                "heartbeat_at": from_now(),
                "lease_until": from_now(self.lease_seconds),
                "progress": self._progress,
                "message": self._message,
            }
            if self._log_is_new:
                values["log"] = self.log_text
            self._written_at = time.monotonic()
            try:
                with self.services.database.write() as session:
                    wanted = session.execute(self.mine().values(**values).returning(Job.cancel_requested)).scalar()
            except Unavailable as error:
                logger.warning("Job %s: no sign of life could be given: %s", self.job_id, error.message)
                return
            self._log_is_new = False
        if wanted is None and not self.is_finished:
            self._lost.set()
        elif wanted:
            self._cancelled.set()

    def mine(self) -> Any:
        """An UPDATE that touches the row only while this very attempt owns it."""
        return update(Job).where(
            Job.id == self.job_id, Job.state == "running", Job.worker == self.worker, Job.attempts == self.attempt
        )

    @property
    def log_text(self) -> str:
        """Everything logged, the newest part when it is long."""
        lines = [self.earlier_log] if self.earlier_log else []
        return "\n".join([*lines, *self._log])[-_LOG_CHARACTERS:]

    @property
    def last_message(self) -> str:
        """What the job said last."""
        return self._message

    @property
    def last_progress(self) -> float:
        """How far the job said it was."""
        return self._progress
