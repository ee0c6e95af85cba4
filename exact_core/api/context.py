"""Who acts, and what a plugin may reach outside of a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from logging import Logger
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from pydantic import BaseModel
    from sqlalchemy.orm import Session

    from exact_core.api.contributions import ArtefactKind
    from exact_core.api.exchange import ImportedShape
    from exact_core.api.images import ImageInfo
    from exact_core.api.models import StoredModel
    from exact_core.api.pixels import PixelReader
    from exact_core.api.predictions import PredictionWriter
    from exact_core.api.training import Evaluation, TrainingSet

ALL_SCOPES = frozenset({"read", "write", "admin"})
"""What a browser session may do; a token can have fewer."""


@dataclass(frozen=True, slots=True)
class Actor:
    """The authenticated person, or the system itself, on whose behalf something happens.

    Attributes:
        user_id: The account; 0 for the system.
        name: Login name.
        display_name: What others read.
        is_admin: Whether every right is granted.
        scopes: ``read``, ``write``, ``admin``; a browser session has all.
        via: How the actor was recognised.
    """

    user_id: int
    name: str
    display_name: str = ""
    is_admin: bool = False
    scopes: frozenset[str] = field(default=ALL_SCOPES)
    via: Literal["session", "token", "system"] = "session"

    @classmethod
    def system(cls) -> Actor:
        """The platform itself: background work that nobody asked for by hand."""
        return cls(0, "system", "EXACT", is_admin=True, via="system")


class JobContext(Protocol):
    """What a running job is given."""

    @property
    def job_id(self) -> int:
        """The job."""

    @property
    def image_set_id(self) -> int | None:
        """The image set it works on, if any."""

    @property
    def image_id(self) -> int | None:
        """The image it works on, if any."""

    @property
    def owner_id(self) -> int | None:
        """Who started it."""

    @property
    def params(self) -> Mapping[str, object]:
        """Its parameters, plain JSON values."""

    def report(self, progress: float, message: str = "") -> None:
        """Say how far it is, 0 to 1; also ends a job whose cancelling was asked for, by raising."""

    @property
    def plugin(self) -> PluginContext:
        """What the plugin whose job this is may reach."""

    def log(self, line: str) -> None:
        """Add a line to what the job's page shows."""

    def open_image(self, image_id: int | None = None) -> PixelReader:
        """Open an image of the job's set for reading; the job's own image when none is named. Portable.

        Raises:
            NotFound: There is no such image in the set, or the owner of the job may not see it.
        """

    def model(self, uuid: str) -> StoredModel:
        """Fetch a stored model, its files checked and in a folder of this machine. Portable.

        Raises:
            NotFound: There is none that the owner of the job may use.
        """

    def save_model(self, folder: Path, *, name: str, kind: str, version_id: int | None = None) -> StoredModel:
        """Keep a folder of model files, as ``exact_sdk.ml.store`` writes them, for the owner of the job. Portable.

        Args:
            folder: The files; every one is checked as if it had been uploaded.
            name: What people read.
            kind: Full name of its ``ModelCard``.
            version_id: The version of an image set that it was trained on.

        Raises:
            Invalid: A file is not acceptable; the message says which and why.
            Forbidden: The owner may not keep models there.
        """

    def predictions(
        self, image_id: int | None = None, *, model: StoredModel, labels: Sequence[str] = ()
    ) -> AbstractContextManager[PredictionWriter]:
        """Write what a model finds in an image, beside the annotations of people. Portable.

        When the block ends well the run becomes visible at once; a block that raises leaves nothing. Each job makes
        one run per image, also when another worker had to take it over.

        Args:
            image_id: The image; the job's own when none is named.
            model: The model.
            labels: Its classes, where the model does not name them.
        """

    def training_set(self) -> TrainingSet:
        """The version, classes and split that a training job was started with. Portable.

        Raises:
            NotFound: The version was deleted meanwhile.
            Invalid: The version or its split is not what it was when the job was started.
        """

    def curve(self, step: int, values: Mapping[str, float]) -> None:
        """Add a point to the curves that the page of a training shows while it runs. Portable.

        Args:
            step: From 0 on, mostly the epoch; a step that is told again replaces what was told.
            values: Figures by name, such as ``train loss`` and ``validation accuracy``; what is not finite is a gap.
        """

    def evaluated(self, evaluation: Evaluation) -> None:
        """Have a trained model judged: matrix, table, reliability and the samples are kept with the version. Portable.

        Raises:
            Invalid: Arrays that do not fit together, rows that are no probabilities, images outside of the version.
        """

    def attach(
        self, version_id: int, path: Path, *, name: str, kind: ArtefactKind, media_type: str, description: str = ""
    ) -> None:
        """Keep a file with a version of the job's image set: curves, metrics, matrices. Portable."""

    def add_image(self, path: Path, name: str) -> ImageInfo:
        """Make an image of a finished picture file, in the job's image set and with the rights of its owner.

        Args:
            path: The file; it is moved into the platform's own folder, whether or not the set has its content.
            name: What it was called: a private name, which few may read.

        Returns:
            The image, read and ready; the one that was there when the set has this content already.

        Raises:
            Invalid: The file cannot be read as a picture.
            Forbidden: The owner of the job may not upload there.
        """

    def add_annotations(self, image_id: int, shapes: Sequence[ImportedShape], *, product: str) -> list[int]:
        """Add annotations to an image of the job's set, all or none, with the rights of the job's owner.

        Args:
            image_id: The image.
            shapes: What to add; each needs a label, and none an image.
            product: Name of the product that gets annotation types for labels that have none; made when missing.

        Returns:
            The permanent identity of each, in the order given.

        Raises:
            Invalid: A shape cannot be kept.
            Forbidden: The owner may not annotate there, or may not make the types that are missing.
        """

    def read(self) -> AbstractContextManager[Session]:
        """Open a session that only reads."""

    def write(self) -> AbstractContextManager[Session]:
        """Open a session that commits when the block ends well, and the job has not gone to another worker."""

    def finish(self, session: Session, result: Mapping[str, object] | None = None) -> None:
        """End the job as done in a transaction of :meth:`write`: what it wrote there and its end are one.

        A worker that dies before the commit leaves neither, one that dies after it has nothing left to do. Return
        right after the block.
        """


class PluginCommands(Protocol):
    """What a command of a plugin finds in click's ``obj``; take it with ``click.pass_obj``."""

    def run_job(
        self,
        job_type: str,
        *,
        image_set: str,
        team: str = "",
        params: Mapping[str, object],
        told: Callable[[float, str], None],
    ) -> Mapping[str, object]:
        """Run one of the plugin's jobs in an image set, as the system, and wait for its end.

        Args:
            job_type: Its short name.
            image_set: Name of the image set; made when there is none. The plugin is switched on there.
            team: The team that owns the set; needed when several could.
            params: The job's parameters.
            told: Hears how far it is, 0 to 1, and its last message.

        Returns:
            What the job returned.

        Raises:
            PluginError: It failed or was cancelled; the message says why.
        """


@dataclass(frozen=True, slots=True)
class PluginContext:
    """What a plugin may reach outside of a request; handed to ``exact_startup``.

    Attributes:
        name: The plugin.
        files: A folder of its own below the data folder; make it before the first use.
        logger: Logs under the plugin's name.
        now: The server's time.
        settings_for: Its validated settings in an image set.
        read: Opens a session that only reads.
        write: Opens a session that commits when the block ends well.
        enqueue: ``enqueue(session, job_type, owner_id=..., image_set_id=..., image_id=..., params=..., once=False,
            priority=0, gpu=False, seconds=0)`` adds one of its own jobs in the caller's transaction and returns the
            job's id; with ``once`` that of an equal job which waits, runs or is done.
    """

    name: str
    files: Path
    logger: Logger
    now: Callable[[], datetime]
    settings_for: Callable[[int], BaseModel | None]
    read: Callable[[], AbstractContextManager[Session]]
    write: Callable[[], AbstractContextManager[Session]]
    enqueue: Callable[..., int]
