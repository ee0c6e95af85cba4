"""A host behind a socket: the side of the child process, and the side of the worker that answers it.

Messages are those of ``tiles/messages.py``: JSON and bytes with their lengths, nothing of which is executed. Files do
not travel: both sides are on one machine.
"""

from __future__ import annotations

import functools
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exact_core.api.errors import ExactError, Invalid, Unavailable
from exact_core.jobs.hosts import wire
from exact_core.jobs.hosts.protocol import (
    ENDINGS,
    HostedImage,
    JobHost,
    NewFile,
    NewModel,
    NewRun,
    Said,
    Verdict,
    verdict_for,
)
from exact_core.jobs.interruption import JobLost
from exact_core.tiles.messages import ConnectionLost, Header, TookTooLong, receive, send

if TYPE_CHECKING:
    from exact_core.api.models import StoredModel
    from exact_core.api.training import TrainingSet
    from exact_core.tiles.samples import Samples, Window

END = "end"
"""The last message of a child: how the job ended. It is not answered."""

Body = bytes | memoryview


class PipeHost:
    """The worker, as the child process of a job sees it; threads take turns."""

    def __init__(self, connection: socket.socket, address: str) -> None:
        self._connection = connection
        self._address = address
        self._lock = threading.Lock()

    @classmethod
    def connected(cls, address: str) -> PipeHost:
        """Connect to the worker that listens at a path, to read pixels only."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(address)
        except OSError as error:
            connection.close()
            raise Unavailable(f"The worker of this job does not answer any more ({error.strerror}).") from None
        return cls(connection, address)

    @property
    def reopen(self) -> Callable[[], PipeHost]:
        """Connects another process."""
        return functools.partial(PipeHost.connected, self._address)

    def beat(self, said: Said) -> Verdict:
        """Give a sign of life; see ``JobHost``."""
        header, _ = self._ask("beat", asdict(said))
        return Verdict(header["verdict"])

    def image(self, image_id: int) -> HostedImage:
        """Describe an image."""
        return wire.image_from_json(self._ask("image", {"image_id": image_id})[0])

    def read(self, image_id: int, window: Window) -> Samples:
        """Read a rectangle of an image."""
        from exact_core.tiles.samples import samples_from

        return samples_from(*self._ask("read", {"image_id": image_id, "window": window.as_json()}))

    def model(self, uuid: str) -> StoredModel:
        """Bring a stored model to this machine."""
        return wire.model_from_json(self._ask("model", {"uuid": uuid})[0])

    def keep_model(self, folder: Path, new: NewModel) -> StoredModel:
        """Keep a folder of model files."""
        told = {"path": str(folder.resolve()), "new": asdict(new)}
        return wire.model_from_json(self._ask("keep_model", told)[0])

    def keep_run(self, recording: Path, new: NewRun) -> None:
        """Keep a recording of predictions."""
        self._ask("keep_run", {"path": str(recording.resolve()), "new": asdict(new)})

    def attach(self, path: Path, new: NewFile) -> None:
        """Keep a file with a version."""
        self._ask("attach", {"path": str(path.resolve()), "new": asdict(new)})

    def training_set(self) -> TrainingSet:
        """What a training job learns from."""
        return wire.training_set_from_json(self._ask("training_set", {})[0])

    def curve(self, step: int, values: Mapping[str, float]) -> None:
        """Add a point to the curves of a training."""
        self._ask("curve", {"step": step, "values": wire.figures_as_json(values)})

    def keep_evaluation(self, path: Path) -> None:
        """Have a trained model judged."""
        self._ask("keep_evaluation", {"path": str(path.resolve())})

    def end(self, told: Mapping[str, Any]) -> None:
        """Say how the job ended."""
        with self._lock:
            send(self._connection, {"operation": END, **told})

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def _ask(self, operation: str, arguments: Mapping[str, Any]) -> tuple[Header, bytes]:
        try:
            with self._lock:
                send(self._connection, {"operation": operation, **arguments})
                header, body = receive(self._connection)
        except (ConnectionLost, TookTooLong):
            raise JobLost from None  # the worker is gone, and nobody wants the rest
        if "ending" in header:
            raise ENDINGS[Verdict(header["ending"])]
        if "error" in header:
            raise wire.error_from_json(header["error"])
        return header, body


READING = frozenset({"image", "read"})
"""What the further processes of a job may ask for."""


def answer(host: JobHost, request: Header) -> tuple[Mapping[str, Any], Body]:
    """Do what a child asks for; errors of the platform are answers."""
    try:
        return _do(host, request)
    except tuple(ENDINGS.values()) as ending:
        return {"ending": str(verdict_for(ending))}, b""
    except ExactError as error:
        return {"error": wire.error_as_json(error)}, b""
    except (LookupError, TypeError, ValueError) as error:
        return {"error": wire.error_as_json(Invalid(f"The process of the job asks in a wrong way ({error})."))}, b""


def serve_reading(host: JobHost, connection: socket.socket) -> None:
    """Answer one further process of a job until it goes."""
    with connection:
        while True:
            try:
                request, _ = receive(connection)
                if request.get("operation") not in READING:
                    return
                send(connection, *answer(host, request))
            except (ConnectionLost, TookTooLong):
                return


def _do(host: JobHost, request: Header) -> tuple[Mapping[str, Any], Body]:
    from exact_core.tiles.samples import Window, samples_header

    operation = request["operation"]
    if operation == "beat":
        told = {**request, "lines": tuple(str(line) for line in request["lines"])}
        said = Said(float(told["progress"]), str(told["message"]), told["lines"])
        return {"verdict": str(host.beat(said))}, b""
    if operation == "image":
        return wire.image_as_json(host.image(int(request["image_id"]))), b""
    if operation == "read":
        samples = host.read(int(request["image_id"]), Window(**request["window"]))
        return samples_header(samples), samples.data.cast("B")
    if operation == "model":
        return wire.model_as_json(host.model(str(request["uuid"])), with_folder=True), b""
    if operation == "training_set":
        return wire.training_set_as_json(host.training_set(), with_manifest=True), b""
    if operation == "curve":
        host.curve(int(request["step"]), wire.figures_from_json(request["values"]))
        return {}, b""
    return _keep(host, str(operation), request, Path(request["path"])), b""


def _keep(host: JobHost, operation: str, request: Header, path: Path) -> Mapping[str, Any]:
    """Hand over what lies in a file or a folder of this machine."""
    if operation == "keep_model":
        kept = host.keep_model(path, NewModel(**request["new"]))
        return wire.model_as_json(kept, with_folder=True)
    if operation == "keep_run":
        new = request["new"]
        host.keep_run(path, NewRun(**{**new, "labels": tuple(new["labels"])}))
    elif operation == "attach":
        host.attach(path, NewFile(**request["new"]))
    elif operation == "keep_evaluation":
        host.keep_evaluation(path)
    else:
        raise ValueError(f"no operation {operation!r}")
    return {}
