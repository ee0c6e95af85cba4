"""What DICOM annotations and segmentations have in common: packages, identities, the image they refer to, colours.

highdicom and pydicom read and write; they come with the extra ``exact-core[dicom]`` and are imported when used.
"""

from __future__ import annotations

import hashlib
import shutil
import struct
import tempfile
import uuid as uuids
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, BinaryIO

from exact_core.api.errors import Invalid, Unavailable
from exact_core.exchange.document import ExchangeImage, ExportDocument, Report
from exact_core.exchange.numbers import compact
from exact_core.exchange.slide_properties import slide_number, slide_property

ANNOTATIONS = "1.2.840.10008.5.1.4.1.1.91.1"
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"
SLIDE_IMAGE = "1.2.840.10008.5.1.4.1.1.77.1.6"
UTF_8 = "ISO_IR 192"
SCHEME = "99EXACT"
PRIVATE_GROUP, PRIVATE_CREATOR = 0x0067, "EXACT"
MAX_LABEL = 64
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_CLASS_TAG = b"\x02\x00\x02\x00UI"
_LIBRARY_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)
"""What highdicom, pydicom and numpy raise at files that break the standard."""


def packages() -> tuple[Any, Any]:
    """highdicom and pydicom; ``Unavailable`` names the extra where they are not installed."""
    try:
        import highdicom
        import pydicom
    except ImportError:
        raise Unavailable(
            'DICOM annotations need the packages highdicom and pydicom: install "exact-core[dicom]" on the server.'
        ) from None
    return highdicom, pydicom


def object_class(head: bytes) -> str:
    """The SOP class of a DICOM file by its first bytes; empty for anything else."""
    if head[128:132] != b"DICM":
        return ""
    at = head.find(_CLASS_TAG, 132, 1024)
    if at < 0:
        return ""
    length = int.from_bytes(head[at + 6 : at + 8], "little")
    return head[at + 8 : at + 8 + length].rstrip(b"\0 ").decode("ascii", "replace")


def require_class(stream: BinaryIO, classes: tuple[str, ...], what: str) -> None:
    """Refuse other files, and those that unpack to any size before anybody can look at them."""
    stream.seek(0)
    head = stream.read(4096)
    stream.seek(0)
    if not head:
        raise Invalid(f"The {what} file is empty.")
    found = object_class(head)
    if not found:
        raise Invalid(f"The file is not DICOM, so it holds no {what}.")
    if found not in classes:
        raise Invalid(f"The DICOM file is of the class {found[:64]!r}, which is no {what}.")
    if _DEFLATED in head:
        raise Invalid(f"The {what} file is deflated as a whole, which is refused; save it uncompressed.")


@contextmanager
def telling(what: str) -> Iterator[None]:
    """Turn the failures of the libraries into one refusal that says what is wrong."""
    from pydicom.errors import BytesLengthException, InvalidDicomError

    try:
        yield
    except Invalid:
        raise
    except (*_LIBRARY_ERRORS, BytesLengthException, InvalidDicomError) as error:
        reason = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
        raise Invalid(f"The {what} file breaks the standard or is damaged: {reason}") from error


def derived_uid(*parts: object) -> str:
    """A UID that follows from what it names: the same parts give the same one."""
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
    return f"2.25.{uuids.UUID(bytes=digest[:16], version=4).int}"


def facts_of(document: ExportDocument) -> str:
    """What a document comes from, as text for deriving identities."""
    return compact({str(key): str(value) for key, value in document.facts.items()})


def label_of(name: str) -> str:
    """A name as a LO value: at most 64 characters, no backslash, no control characters."""
    clean = "".join("/" if each == "\\" else each if each.isprintable() else " " for each in name)
    return clean[:MAX_LABEL].strip() or "unnamed"


def code_of(name: str) -> Any:
    """A private code for a name."""
    highdicom, _ = packages()
    value = hashlib.sha256(name.encode()).hexdigest()[:12].upper()
    return highdicom.sr.CodedConcept(value=value, scheme_designator=SCHEME, meaning=label_of(name))


def category() -> Any:
    """The code for what annotation types are in general."""
    highdicom, _ = packages()
    return highdicom.sr.CodedConcept(value="91723000", scheme_designator="SCT", meaning="Anatomical structure")


def color_of_lab(values: object) -> str | None:
    """``#rrggbb`` of DICOM's CIELab numbers; None for anything else."""
    highdicom, _ = packages()
    try:
        numbers = tuple(int(each) for each in values)  # type: ignore[attr-defined]
        red, green, blue = highdicom.color.CIELabColor.from_dicom_value(numbers).to_rgb()
    except _LIBRARY_ERRORS:
        return None
    return f"#{int(red):02x}{int(green):02x}{int(blue):02x}"


def lab_of(color: str) -> Any:
    """DICOM's colour of ``#rrggbb``."""
    from exact_core.exchange.colors import rgb_of

    highdicom, _ = packages()
    return highdicom.color.CIELabColor.from_rgb(*rgb_of(color))


def set_times(made: Any, newest: datetime) -> None:
    """Replace the time of writing by that of the newest annotation, so that the same version gives the same bytes."""
    when = newest.astimezone(UTC)
    made.InstanceCreationDate = made.ContentDate = when.strftime("%Y%m%d")
    made.InstanceCreationTime = made.ContentTime = when.strftime("%H%M%S")
    for equipment in made.get("ContributingEquipmentSequence", []):
        equipment.ContributionDateTime = when.strftime("%Y%m%d%H%M%S+0000")


def source_image(image: ExchangeImage, document: ExportDocument, report: Report) -> Any:
    """The image that annotations refer to, as far as it is known; nothing that names a patient."""
    _, pydicom = packages()
    from pydicom.sr.codedict import codes

    made = pydicom.Dataset()
    made.SpecificCharacterSet = UTF_8
    made.SOPClassUID = SLIDE_IMAGE
    names = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")
    known = {name: slide_property(image, f"dicom.{name}") for name in names}
    if not all(known.values()):
        report.warn(
            "The identities (UIDs) of the slide's own DICOM files are not known: derived ones were written, so other "
            "systems do not find the slide by them."
        )
    for name in names:
        setattr(made, name, known[name] or derived_uid("image", name, facts_of(document), image.id, image.name))
    for name in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber"):
        setattr(made, name, "")
    made.StudyID = made.StudyDate = made.StudyTime = ""
    made.Modality = "SM"
    made.PositionReferenceIndicator = "SLIDE_CORNER"
    made.ContainerIdentifier = label_of(image.name)
    made.IssuerOfTheContainerIdentifierSequence = []
    made.ContainerTypeCodeSequence = [_item(codes.SCT.MicroscopeSlide)]
    specimen = pydicom.Dataset()
    specimen.SpecimenIdentifier = label_of(image.name)
    specimen.SpecimenUID = derived_uid("specimen", facts_of(document), image.id, image.name)
    specimen.IssuerOfTheSpecimenIdentifierSequence = []
    specimen.SpecimenPreparationSequence = []
    made.SpecimenDescriptionSequence = [specimen]
    made.TotalPixelMatrixColumns, made.TotalPixelMatrixRows = image.width, image.height
    origin, orientation = slide_position(image) or ((0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 1.0, 0.0, 0.0))
    made.ImageOrientationSlide = list(orientation)
    place = pydicom.Dataset()
    place.XOffsetInSlideCoordinateSystem, place.YOffsetInSlideCoordinateSystem = origin[:2]
    place.ZOffsetInSlideCoordinateSystem = origin[2]
    made.TotalPixelMatrixOriginSequence = [place]
    return made


def slide_position(image: ExchangeImage) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Where the pixel matrix lies on the slide (mm) and the direction of its rows and columns; None when unknown."""
    origin = [
        slide_number(image, f"dicom.TotalPixelMatrixOriginSequence[0].{axis}OffsetInSlideCoordinateSystem")
        for axis in "XYZ"
    ]
    orientation = [slide_number(image, f"dicom.ImageOrientationSlide[{index}]") for index in range(6)]
    if origin[0] is None or origin[1] is None or None in orientation:
        return None
    return tuple(value or 0.0 for value in origin), tuple(value or 0.0 for value in orientation)


def _item(code: Any) -> Any:
    highdicom, _ = packages()
    return highdicom.sr.CodedConcept.from_code(code)


def save(made: Any, stream: BinaryIO) -> None:
    """Write an object to a stream that need not seek, as pydicom's must."""
    _, pydicom = packages()
    with tempfile.TemporaryFile() as file:
        pydicom.dcmwrite(file, made, enforce_file_format=True)
        file.seek(0)
        shutil.copyfileobj(file, stream, 1 << 20)


def note(made: Any, content: Mapping[str, Any]) -> None:
    """Put our object into a private element."""
    block = made.private_block(PRIVATE_GROUP, PRIVATE_CREATOR, create=True)
    block.add_new(0x01, "UT", compact(content))


def noted(found: Any) -> str:
    """The text of our private element; empty where there is none."""
    try:
        return str(found.private_block(PRIVATE_GROUP, PRIVATE_CREATOR)[0x01].value)
    except KeyError:
        return ""
