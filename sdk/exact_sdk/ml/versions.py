"""Reading a version: from the manifest that the server writes of it (``docs/versions.md``), or from a file of that."""

from __future__ import annotations

import gzip
import hashlib
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from exact_core.api.errors import Invalid, Unavailable
from exact_sdk.ml.manifest import Annotation, DataManifest, ManifestImage, Verdict

FORM = 2
COMPLETE = ("done", "reviewed")
"""States of an image in which everything on it has been annotated."""

_LONGEST_LINE = 256 * 1024 * 1024


class Client(Protocol):
    """What is needed of an HTTP client with the address of the server and the rights of somebody; ``httpx2.Client``."""

    def stream(self, method: str, url: str) -> AbstractContextManager[Any]:
        """Ask, and read the answer piece by piece."""


def from_version(client: Client, version_id: int, *, complete: Sequence[str] = COMPLETE) -> DataManifest:
    """Read a version through the server's API.

    Args:
        client: With the address of the server and an access token; it needs the right to export from the image set.
        version_id: The version.
        complete: States of an image in which everything on it has been annotated.

    Raises:
        Unavailable: The server refuses, or the manifest is not written yet; the message says what it answered.
        Invalid: What came is not what the server signed.
    """
    with tempfile.TemporaryFile() as file:
        with client.stream("GET", f"/api/v2/versions/{version_id}/manifest") as answer:
            if answer.status_code != 200:
                answer.read()
                raise Unavailable(
                    f"The server answers {answer.status_code} to version {version_id}: {answer.text[:500]}"
                )
            digest = answer.headers.get("X-Exact-Digest", "")
            for piece in answer.iter_raw():
                file.write(piece)
        file.seek(0)
        return _from_gzip(file, digest, complete)


def from_file(path: Path, *, digest: str = "", complete: Sequence[str] = COMPLETE) -> DataManifest:
    """Read a manifest that ``exact versions export --format manifest`` wrote.

    Args:
        path: The file.
        digest: What the version says that its manifest has, to compare; empty to take the file as it is.
        complete: States of an image in which everything on it has been annotated.

    Raises:
        Invalid: It is no manifest, is cut off, or is another one.
    """
    with path.open("rb") as file:
        return _from_gzip(file, digest, complete)


def split_of(client: Client, version_id: int, split_id: int) -> dict[str, tuple[int, ...]]:
    """The numbers of images in each part of a split that is kept with the version."""
    with client.stream("GET", f"/api/v2/versions/{version_id}/splits/{split_id}") as answer:
        answer.read()
        if answer.status_code != 200:
            raise Unavailable(_refusal(answer, f"split {split_id}"))
        return {part["name"]: tuple(part["image_ids"]) for part in answer.json()["parts"]}


def _refusal(answer: Any, what: str) -> str:
    return f"The server answers {answer.status_code} when asked for {what}: {answer.text[:500]}"


def _from_gzip(file: BinaryIO, digest: str, complete: Sequence[str]) -> DataManifest:
    running = hashlib.sha256()

    def lines() -> Iterator[bytes]:
        with gzip.open(file) as unpacked:
            while line := unpacked.readline(_LONGEST_LINE):
                running.update(line)
                yield line

    try:
        found = read_lines(lines(), complete=complete)
    except (OSError, EOFError):
        raise Invalid("The manifest is cut off, or is no gzip file; fetch it again.") from None
    if digest and running.hexdigest() != digest:
        raise Invalid("The manifest is not the one that the server signed; fetch it again.")
    return found


def read_lines(lines: Iterable[bytes], *, complete: Sequence[str] = COMPLETE) -> DataManifest:
    """Read the lines of a version's manifest.

    Raises:
        Invalid: A line is not as it should be, or lines are missing.
    """
    reading = _Reading(frozenset(complete))
    for number, line in enumerate(lines, 1):
        try:
            reading.take(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Invalid(f"Line {number} of the manifest is not as it should be; fetch it again.") from None
    return reading.whole()


class _Reading:
    """What the lines so far have said."""

    def __init__(self, complete: frozenset[str]) -> None:
        self._complete = complete
        self._version: dict[str, Any] | None = None
        self._content: dict[str, Any] = {}
        self._types: dict[int, tuple[str, str]] = {}
        self._images: dict[int, ManifestImage] = {}
        self._annotations: dict[int, dict[int, Annotation]] = {}
        self._states: dict[int, int] = {}
        self._verdicts: dict[int, tuple[tuple[int, int], Verdict]] = {}
        self._end: dict[str, Any] | None = None

    def take(self, line: dict[str, Any]) -> None:
        taken = {
            "version": self._take_version, "content": self._take_content, "image": self._take_image,
            "annotation": self._take_annotation, "verification": self._take_verdict, "end": self._take_end,
        }.get(line["line"])  # fmt: skip
        if taken is not None:
            taken(line)

    def whole(self) -> DataManifest:
        count = sum(map(len, self._annotations.values()))
        end = self._end or {}
        if self._version is None or (end.get("images"), end.get("annotations")) != (len(self._images), count):
            raise Invalid("The manifest is cut off; fetch it again.")
        images = tuple(
            replace(image, annotations=tuple(self._judged(one) for _, one in sorted(self._annotations[id_].items())))
            for id_, image in sorted(self._images.items())
        )
        version = self._version
        return DataManifest(
            version["id"], version["name"], version["image_set_id"], self._content["image_set"]["name"],
            version["revision"], version["content_digest"], images,
        )  # fmt: skip

    def _judged(self, annotation: Annotation) -> Annotation:
        said = self._verdicts.get(annotation.id)
        return annotation if said is None else replace(annotation, verdict=said[1])

    def _take_version(self, line: dict[str, Any]) -> None:
        if line["form"] != FORM:
            raise Invalid(
                f"The manifest has the form {line['form']}; this reads form {FORM}. Install a newer exact-sdk."
            )
        self._version = line

    def _take_content(self, line: dict[str, Any]) -> None:
        self._content = line
        for product in line["products"]:
            self._types |= {kind["id"]: (kind["name"], product["name"]) for kind in product["types"]}

    def _take_image(self, line: dict[str, Any]) -> None:
        tags = self._content["image_tags"].get(str(line["id"]), ())
        self._images[line["id"]] = ManifestImage(
            line["id"], line["name"], line["checksum"], line["width"], line["height"],
            (line["size_z"], line["size_t"], line["size_c"]), (line["mpp_x"], line["mpp_y"]), tuple(sorted(tags)),
            line["review_state"] in self._complete,
        )  # fmt: skip
        self._annotations[line["id"]] = {}

    def _take_annotation(self, line: dict[str, Any]) -> None:
        label, product = self._types[line["type"]]
        z, t, c = line["frame"]
        self._states[line["id"]] = line["revision"]
        self._annotations[line["image"]][line["id"]] = Annotation(
            line["id"], line["uuid"], line["type"], label, product, line["shape"],
            tuple(tuple((x, y) for x, y in ring) for ring in line["rings"]), tuple(line["holes"]), (z, t, c),
            line["author"], line["claimed_author"],
        )  # fmt: skip

    def _take_verdict(self, line: dict[str, Any]) -> None:
        """The newest verdict counts; of one revision, that of the reader with the higher number."""
        place = (line["revision"], line["reader"])
        is_current = line["state"] == self._states.get(line["annotation"])
        before = self._verdicts.get(line["annotation"])
        if before is None or place > before[0]:
            self._verdicts[line["annotation"]] = (place, line["verdict"] if is_current else "outdated")

    def _take_end(self, line: dict[str, Any]) -> None:
        self._end = line
