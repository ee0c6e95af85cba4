"""Names of images: the pseudonym that everybody sees, and safe forms of what a file was called.

The public name is ``yymmdd-hhmm-xxxx``: the time of arrival in UTC and hexadecimal digits of a keyed hash of the
private name. The key never leaves the server, so that nobody can check a guessed file name against a pseudonym,
and it differs per image set, so that the same slide in two sets cannot be linked.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime

from exact_core.api.errors import Invalid

PRIVATE_NAME_LENGTH = 255
_FEWEST_DIGITS = 4
_MOST_DIGITS = 24
_TURNS = 64
_UNNAMED = "unnamed"

SAFE_EXTENSIONS = frozenset(
    {
        *(
            ".svs",
            ".ndpi",
            ".mrxs",
            ".scn",
            ".bif",
            ".vms",
            ".vmu",
            ".svslide",
            ".dcm",
            ".tif",
            ".tiff",
            ".btf",
            ".tf8",
        ),
        *(".png", ".jpg", ".jpeg", ".jp2", ".j2k", ".jpx", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".pbm", ".pnm"),
        *(".ome.tif", ".ome.tiff", ".ome.btf", ".qptiff", ".czi", ".vsi", ".lif", ".nii", ".nii.gz", ".avif", ".tga"),
    }
)
"""Extensions that a stored file may keep; all else is stored as ``.bin``, since an extension can be a name too."""

_WINDOWS_DRIVE = re.compile(r"^[A-Za-z]:")


class PublicNames:
    """Gives out public names for one image set, each once."""

    def __init__(self, secret: bytes, image_set_id: int, taken: Iterable[str] = ()) -> None:
        self._key = hmac.digest(secret, f"exact public image names of set {image_set_id}".encode(), "sha256")
        self._taken = set(taken)

    def give(self, private_name: str, at: datetime) -> str:
        """The pseudonym for a file that arrived at the given time; more digits when short forms are taken."""
        prefix = time_prefix(at)
        for turn in itertools.count():
            message = f"{turn}\0{private_name}".encode("utf-8", "surrogatepass")
            digits = hmac.new(self._key, message, hashlib.sha256).hexdigest()
            for length in range(_FEWEST_DIGITS, _MOST_DIGITS + 1, 2)[: 2 + turn // _TURNS]:
                name = prefix + digits[:length]
                if name not in self._taken:
                    self._taken.add(name)
                    return name
        raise AssertionError("itertools.count ends never")


def time_prefix(at: datetime) -> str:
    """The part of a public name that tells when the image arrived, in UTC, with its final dash."""
    return at.astimezone(UTC).strftime("%y%m%d-%H%M-")


def clean_private_name(name: str) -> str:
    """What a file was called, fit to be stored and shown: last path part, no control or direction marks."""
    last = name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    shown = "".join(character for character in unicodedata.normalize("NFC", last) if _is_shown(character)).strip()
    if len(shown) > PRIVATE_NAME_LENGTH:
        extension = safe_extension(shown)
        extension = "" if extension == ".bin" else extension
        shown = shown[: PRIVATE_NAME_LENGTH - len(extension)] + extension
    return shown or _UNNAMED


def clean_relative_path(path: str) -> str:
    """A path inside an uploaded folder, with ``/``; refuses everything that could lead out of the folder."""
    parts = path.replace("\\", "/").split("/")
    for part in parts:
        if part in {"", ".", ".."} or _WINDOWS_DRIVE.match(part):
            raise Invalid(
                "The relative path of an upload must stay inside its folder: no '..', no drive, no empty part."
            )
        if not all(_is_shown(character) for character in part) or part != part.strip():
            raise Invalid(
                "The relative path of an upload holds control characters or spaces at an end; rename the file."
            )
        if len(part.encode("utf-8", "replace")) > 255:
            raise Invalid("A part of the relative path of an upload is longer than 255 bytes; rename the file.")
    if len(parts) > 16:
        raise Invalid("The folder of an upload is nested more than 16 deep.")
    return "/".join(parts)


def safe_extension(name: str) -> str:
    """The extension that a stored file may keep: a known one in lower case, or ``.bin``."""
    lower = name.lower()
    for dots in (2, 1):
        pieces = lower.rsplit(".", dots)
        if len(pieces) == dots + 1 and "." + ".".join(pieces[1:]) in SAFE_EXTENSIONS:
            return "." + ".".join(pieces[1:])
    return ".bin"


def without_names(text: str, names: Iterable[str]) -> str:
    """A message of a reader with every private name and path in it blotted out, longest first."""
    for name in sorted({name for name in names if len(name) > 2}, key=len, reverse=True):
        text = text.replace(name, "the file")
    return text


def _is_shown(character: str) -> bool:
    # Cc: control, NUL included; Cf: direction overrides and zero-width marks; Cs: lone surrogates; Co, Cn: no meaning
    return unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn"}
