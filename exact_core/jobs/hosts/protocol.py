"""What portable work needs of where it runs: one small protocol, in plain values, whatever lies in between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from exact_core.api.errors import ExactError
from exact_core.jobs.interruption import JobCancelled, JobInterrupted, JobLost, JobOverdue

if TYPE_CHECKING:
    from pathlib import Path

    from exact_core.api.drivers import SourceInfo
    from exact_core.api.images import ImageInfo
    from exact_core.api.models import StoredModel
    from exact_core.api.training import TrainingSet
    from exact_core.tiles.samples import Samples, Window
    from exact_core.tiles.slide_file import SlideFile


class JobFailed(ExactError):
    """The work of a job cannot be finished: its code is wrong, or its process needed more than it may have."""

    code = "job-failed"


class Verdict(StrEnum):
    """What a job hears when it gives a sign of life."""

    GO_ON = "go-on"
    CANCEL = "cancel"
    LOST = "lost"
    """Another worker has the job now."""
    STOP = "stop"
    """The worker stops; the job starts again elsewhere."""
    OVERDUE = "overdue"
    """It has taken longer than it may."""


ENDINGS: Mapping[Verdict, type[Exception]] = MappingProxyType(
    {
        Verdict.CANCEL: JobCancelled,
        Verdict.LOST: JobLost,
        Verdict.STOP: JobInterrupted,
        Verdict.OVERDUE: JobOverdue,
    }
)
"""What is raised in the job after each verdict but the first."""


def verdict_for(ending: Exception) -> Verdict:
    """The verdict after which such an exception is raised."""
    return next(verdict for verdict, kind in ENDINGS.items() if isinstance(ending, kind))


@dataclass(frozen=True, slots=True)
class JobTask:
    """One attempt at one job, as it is handed to whoever runs it.

    Attributes:
        job_id: The row.
        type: Full name of its type.
        run: Dotted text ``package.module:function``.
        params: Its parameters, checked, plain JSON values.
        image_set_id: The set that it is about.
        image_id: The image that it is about.
        owner_id: Who asked for it.
        gpu: Whether it may use a GPU.
        memory_mib: Most memory that all its processes may hold together; 0 is the limit of the place.
        seconds: After how long it is ended; 0 is the limit of the place.
        network: Whether it asks for the network.
        card: The kind of model that it runs, as ``wire.card_as_json`` writes it; None for other jobs.
    """

    job_id: int
    type: str
    run: str
    params: Mapping[str, object] = field(default_factory=dict)
    image_set_id: int | None = None
    image_id: int | None = None
    owner_id: int | None = None
    gpu: bool = False
    memory_mib: int = 0
    seconds: int = 0
    network: bool = False
    card: Mapping[str, object] | None = None

    @property
    def plugin(self) -> str:
        """The plugin that brings the type."""
        return self.type.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Said:
    """What a job has to tell since it last did: how far it is, and new lines of its log."""

    progress: float
    message: str = ""
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HostedImage:
    """An image that a job may read; ``slide`` is where its file lies, when that is on the same machine."""

    info: ImageInfo
    source: SourceInfo
    slide: SlideFile | None = None


@dataclass(frozen=True, slots=True)
class NewModel:
    """What is known of a model that a job made; see ``JobContext.save_model``."""

    name: str
    kind: str
    version_id: int | None = None


@dataclass(frozen=True, slots=True)
class NewRun:
    """What a recording of predictions is about; see ``JobContext.predictions``."""

    image_id: int
    model_uuid: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewFile:
    """What is known of a file for a version; see ``JobContext.attach``."""

    version_id: int
    name: str
    kind: str
    media_type: str
    description: str = ""


class JobHost(Protocol):
    """Where a portable job gets its pixels and models from, and where its results go.

    Results are handed over whole: what is half written on the side of the job is never seen on the other.
    """

    def beat(self, said: Said) -> Verdict:
        """Give a sign of life with what the job has to tell; learn whether it should end."""

    def image(self, image_id: int) -> HostedImage:
        """Describe an image; ``NotFound`` when the owner of the job may not see it, or the set has it not."""

    def read(self, image_id: int, window: Window) -> Samples:
        """Read a rectangle of an image."""

    def model(self, uuid: str) -> StoredModel:
        """Bring a stored model to this machine, its files checked."""

    def keep_model(self, folder: Path, new: NewModel) -> StoredModel:
        """Keep a folder of model files."""

    def keep_run(self, recording: Path, new: NewRun) -> None:
        """Keep what was predicted in an image, recorded by ``recording.Recorder``: all of it, or nothing."""

    def attach(self, path: Path, new: NewFile) -> None:
        """Keep a file with a version of the job's image set."""

    def training_set(self) -> TrainingSet:
        """What a training job learns from; its manifest is brought to this machine and checked against its hash."""

    def curve(self, step: int, values: Mapping[str, float]) -> None:
        """Add a point to the curves of a training."""

    def keep_evaluation(self, path: Path) -> None:
        """Have a trained model judged, by a file of ``evaluation_files.write_evaluation``."""
