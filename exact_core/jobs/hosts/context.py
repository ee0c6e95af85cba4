"""The context of a portable job (``exact_core.api.JobContext``), made of a host and nothing else."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NoReturn

from exact_core.api.errors import Invalid
from exact_core.jobs.hosts.protocol import ENDINGS, JobTask, NewFile, NewModel, NewRun, Said, Verdict

if TYPE_CHECKING:
    from exact_core.api.contributions import ArtefactKind
    from exact_core.api.models import StoredModel
    from exact_core.api.pixels import PixelReader
    from exact_core.api.predictions import PredictionWriter
    from exact_core.api.training import Evaluation, TrainingSet
    from exact_core.jobs.hosts.reading import ReadingHost

_SECONDS_BETWEEN_BEATS = 0.7


class PortableContext:
    """One attempt at one portable job, in a process without the parts of the instance."""

    def __init__(self, task: JobTask, host: ReadingHost) -> None:
        self._task = task
        self._host = host
        self._lock = threading.Lock()
        self._lines: list[str] = []
        self._progress, self._message = 0.0, ""
        self._beaten_at = float("-inf")
        self._is_new = False
        self._verdict = Verdict.GO_ON

    @property
    def job_id(self) -> int:
        """The job."""
        return self._task.job_id

    @property
    def image_set_id(self) -> int | None:
        """The image set it works on, if any."""
        return self._task.image_set_id

    @property
    def image_id(self) -> int | None:
        """The image it works on, if any."""
        return self._task.image_id

    @property
    def owner_id(self) -> int | None:
        """Who started it."""
        return self._task.owner_id

    @property
    def params(self) -> Mapping[str, Any]:
        """Its parameters, checked, plain JSON values."""
        return self._task.params

    def report(self, progress: float, message: str = "") -> None:
        """Tell how far the job is, from 0 to 1; raises when it should end. Call it as often as you like."""
        with self._lock:
            self._progress = min(max(progress, 0.0), 1.0)
            self._message = message[:500] or self._message
            self._is_new = True
        if time.monotonic() - self._beaten_at >= _SECONDS_BETWEEN_BEATS:
            self.tell()
        if self._verdict in ENDINGS:
            raise ENDINGS[self._verdict]

    def log(self, line: str) -> None:
        """Add a line to what the job's page shows; sent with the next progress, or soon."""
        with self._lock:
            self._lines.append(line)
            self._is_new = True

    def flush(self) -> None:
        """Send what was not sent yet; raises when the job should end."""
        self.tell()
        if self._verdict in ENDINGS:
            raise ENDINGS[self._verdict]

    def tell(self, *, only_news: bool = False) -> None:
        """Send what there is to tell, and remember whether the job should end."""
        with self._lock:
            if only_news and not self._is_new:
                return
            lines, self._lines, self._is_new = tuple(self._lines), [], False
            self._beaten_at = time.monotonic()
            self._verdict = self._host.beat(Said(self._progress, self._message, lines))

    def open_image(self, image_id: int | None = None) -> PixelReader:
        """Open an image of the job's set for reading; the job's own image when none is named."""
        from exact_core.jobs.hosts.reading import open_hosted

        return open_hosted(self._host, self._image(image_id))

    def model(self, uuid: str) -> StoredModel:
        """Fetch a stored model, its files checked and in a folder of this machine."""
        return self._host.model(uuid)

    def save_model(self, folder: Path, *, name: str, kind: str, version_id: int | None = None) -> StoredModel:
        """Keep a folder of model files for the owner of the job."""
        return self._host.keep_model(Path(folder), NewModel(name, kind, version_id))

    @contextmanager
    def predictions(
        self, image_id: int | None = None, *, model: StoredModel, labels: Sequence[str] = ()
    ) -> Iterator[PredictionWriter]:
        """Write what a model finds in an image: to a file first, which is handed over when the block ends well."""
        from exact_core.jobs.hosts.recording import Recorder

        new = NewRun(self._image(image_id), model.uuid, tuple(labels))
        with TemporaryDirectory(prefix="exact-predictions-") as folder:
            path = Path(folder) / "recording"
            with path.open("wb") as file:
                recorder = Recorder(file)
                yield recorder
                recorder.finish()
            self._host.keep_run(path, new)

    def training_set(self) -> TrainingSet:
        """The version, classes and split that this training was started with."""
        return self._host.training_set()

    def curve(self, step: int, values: Mapping[str, float]) -> None:
        """Add a point to the curves of this training."""
        self._host.curve(step, values)

    def evaluated(self, evaluation: Evaluation) -> None:
        """Have the trained model judged."""
        from exact_core.jobs.hosts.evaluation_files import write_evaluation

        with TemporaryDirectory(prefix="exact-evaluation-") as folder:
            path = Path(folder) / "evaluation.safetensors"
            write_evaluation(path, evaluation)
            self._host.keep_evaluation(path)

    def attach(
        self, version_id: int, path: Path, *, name: str, kind: ArtefactKind, media_type: str, description: str = ""
    ) -> None:
        """Keep a file with a version of the job's image set."""
        self._host.attach(Path(path), NewFile(version_id, name, str(kind), media_type, description))

    @property
    def plugin(self) -> NoReturn:
        """Not here: the job is portable."""
        raise self._not_here("plugin")

    def read(self) -> AbstractContextManager[Any]:
        """Not here: the job is portable."""
        raise self._not_here("read")

    def finish(self, session: Any, result: Mapping[str, Any] | None = None) -> NoReturn:
        """Not here: the job is portable."""
        raise self._not_here("finish")

    def write(self) -> AbstractContextManager[Any]:
        """Not here: the job is portable."""
        raise self._not_here("write")

    def add_image(self, path: Path, name: str) -> NoReturn:
        """Not here: the job is portable."""
        raise self._not_here("add_image")

    def add_annotations(self, image_id: int, shapes: Sequence[Any], *, product: str) -> NoReturn:
        """Not here: the job is portable."""
        raise self._not_here("add_annotations")

    def _image(self, image_id: int | None) -> int:
        chosen = self._task.image_id if image_id is None else image_id
        if chosen is None:
            raise Invalid(f"The job {self._task.type} is about no image: name the one that is meant.")
        return chosen

    def _not_here(self, name: str) -> Invalid:
        return Invalid(
            f"The job type {self._task.type} is portable and runs away from the database: {name} is not there."
            " Use what JobContext calls portable, or take is_portable off the JobType."
        )
