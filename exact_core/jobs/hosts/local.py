"""The host of a job on the side of the instance: it answers with what the job's context there can do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from exact_core.api.drivers import UnreadableImage
from exact_core.api.errors import Invalid, NotFound
from exact_core.jobs.hosts.images import readable_image
from exact_core.jobs.hosts.protocol import ENDINGS, HostedImage, NewFile, NewModel, NewRun, Said, Verdict, verdict_for

if TYPE_CHECKING:
    from pathlib import Path

    from exact_core.api.context import JobContext as Contract
    from exact_core.api.images import ImageInfo
    from exact_core.api.models import StoredModel
    from exact_core.api.training import TrainingSet
    from exact_core.jobs.running import JobContext
    from exact_core.tiles.samples import Samples, Window
    from exact_core.tiles.slide_file import SlideFile


def verdict_of(context: JobContext) -> Verdict:
    """Whether a job should go on, as far as its context knows without asking the database."""
    try:
        context.check()
    except tuple(ENDINGS.values()) as ending:
        return verdict_for(ending)
    return Verdict.GO_ON


class LocalHost:
    """Answers one attempt at a job (``JobHost``) with its context, which holds the services of the instance."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._contract = cast("Contract", context)
        self._opened: dict[int, tuple[ImageInfo, SlideFile]] = {}

    def beat(self, said: Said) -> Verdict:
        """Write a sign of life; see ``JobHost``."""
        for line in said.lines:
            self._context.log(line)
        try:
            self._context.report(said.progress, said.message)
        except tuple(ENDINGS.values()):
            return verdict_of(self._context)
        return Verdict.GO_ON

    def image(self, image_id: int) -> HostedImage:
        """Describe an image, and look again whether it may be read."""
        info, slide = self._opened[image_id] = self._readable(image_id)
        try:
            return HostedImage(info, self._context.services.decoder.describe_now(slide), slide)
        except UnreadableImage as problem:
            raise Invalid(f"Image {image_id} cannot be read. {problem}") from None

    def read(self, image_id: int, window: Window) -> Samples:
        """Read a rectangle of an image."""
        if image_id not in self._opened:
            self._opened[image_id] = self._readable(image_id)
        try:
            return self._context.services.decoder.samples_now(self._opened[image_id][1], window)
        except UnreadableImage as problem:
            raise Invalid(f"Image {image_id} cannot be read. {problem}") from None

    def model(self, uuid: str) -> StoredModel:
        """Open a stored model."""
        return self._contract.model(uuid)

    def keep_model(self, folder: Path, new: NewModel) -> StoredModel:
        """Keep a folder of model files."""
        return self._contract.save_model(folder, name=new.name, kind=new.kind, version_id=new.version_id)

    def keep_run(self, recording: Path, new: NewRun) -> None:
        """Play a recording into the instance, unless the job is somebody else's by then."""
        from exact_core.jobs.hosts.recording import replay

        model = self._contract.model(new.model_uuid)
        with (
            recording.open("rb") as file,
            self._contract.predictions(new.image_id, model=model, labels=new.labels) as writer,
        ):
            replay(file, writer)
            self._context.beat()
            self._context.check()

    def attach(self, path: Path, new: NewFile) -> None:
        """Keep a file with a version."""
        from exact_core.api.contributions import ArtefactKind

        self._context.check()
        self._contract.attach(
            new.version_id,
            path,
            name=new.name,
            kind=ArtefactKind(new.kind),
            media_type=new.media_type,
            description=new.description,
        )

    def training_set(self) -> TrainingSet:
        """What a training job learns from."""
        return self._contract.training_set()

    def curve(self, step: int, values: Mapping[str, float]) -> None:
        """Add a point to the curves of a training."""
        self._contract.curve(step, values)

    def keep_evaluation(self, path: Path) -> None:
        """Have a trained model judged."""
        from exact_core.jobs.hosts.evaluation_files import read_evaluation

        self._contract.evaluated(read_evaluation(path))

    def _readable(self, image_id: int) -> tuple[ImageInfo, SlideFile]:
        image_set_id = self._context.image_set_id
        if image_set_id is None:
            raise NotFound(f"The job {self._context.type} is about no image set: there is no image to read.")
        return readable_image(self._context.services, self._context.owner_id, image_set_id, image_id)
