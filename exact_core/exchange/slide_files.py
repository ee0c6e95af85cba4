"""What slides' own files say about themselves, read when a format asks for it, by a limited process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from exact_core.api.drivers import UnreadableImage
from exact_core.api.errors import ExactError
from exact_core.storage.models import Image
from exact_core.tiles.worker_process import WorkerProcess

if TYPE_CHECKING:
    from exact_core.services import Services

_VENDORS = ("hamamatsu", "dicom")
"""Of slides whose files say something that a format needs."""

_PLACES = (
    "hamamatsu.XOffsetFromSlideCentre",
    "hamamatsu.YOffsetFromSlideCentre",
    *(f"dicom.TotalPixelMatrixOriginSequence[0].{axis}OffsetInSlideCoordinateSystem" for axis in "XYZ"),
    *(f"dicom.ImageOrientationSlide[{number}]" for number in range(6)),
)
_IDENTITIES = tuple(
    f"dicom.{name}" for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")
)
"""Lead to the patient in the archive that a slide comes from: only for those who may see original names."""


@dataclass(frozen=True, slots=True)
class SlideFiles:
    """Finds out properties of images, named as OpenSlide names them."""

    services: Services

    def properties(self, image_id: int, *, with_identities: bool) -> Mapping[str, str]:
        """The properties of an image, read when the first of them is asked for."""
        names = (*_PLACES, *_IDENTITIES) if with_identities else _PLACES
        return _Late(lambda: self._read(image_id, names))

    def _read(self, image_id: int, names: tuple[str, ...]) -> Mapping[str, str]:
        """The properties; none when the file is of another kind, or cannot be read any more."""
        services = self.services
        columns = (Image.vendor, Image.file_path, Image.purged_at)
        with services.database.read() as session:
            found = session.execute(select(*columns).where(Image.id == image_id)).first()
        if found is None or found.vendor not in _VENDORS or found.purged_at is not None:
            return {}
        process = WorkerProcess(services.settings.decode_memory_mib)
        try:
            path = str(services.blobs.resolve(found.file_path))
            request = {"operation": "properties", "path": path, "names": names}
            header, _ = process.ask(request, services.settings.decode_seconds)
            return {str(name): str(value) for name, value in header["properties"].items() if name in names}
        except (UnreadableImage, ExactError, OSError, LookupError, AttributeError):
            return {}
        finally:
            process.stop()


class _Late(Mapping[str, str]):
    """A mapping that is made when it is looked at."""

    def __init__(self, make: Callable[[], Mapping[str, str]]) -> None:
        self._make = make
        self._made: Mapping[str, str] | None = None

    def __getitem__(self, name: str) -> str:
        return self._content[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def __len__(self) -> int:
        return len(self._content)

    @property
    def _content(self) -> Mapping[str, str]:
        if self._made is None:
            self._made = self._make()
        return self._made
