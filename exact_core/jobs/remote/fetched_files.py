"""Files that came from a server: their names, and whether their content is the one that they are known by."""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from pathlib import Path

from exact_core.api.errors import Invalid
from exact_core.models.checksums import checksum_list, file_of
from exact_core.models.files import CHECKSUMS, NAMES

_SHA256 = re.compile(r"[0-9a-f]{64}")


def checked_name(name: str) -> str:
    """The name of a file that a model may have; ``Invalid`` for every other."""
    if name not in NAMES:
        raise Invalid(f"The server has a file {name[:100]!r} for the model, which no model may have.")
    return name


def checked_sha256(text: str) -> str:
    """The identity of a model's content; ``Invalid`` when it is none, and so no name of a folder."""
    if not _SHA256.fullmatch(text):
        raise Invalid("The server does not say by which checksum the model is known.")
    return text


def is_content(folder: Path, sha256: str) -> bool:
    """Whether a folder holds exactly the files that a model is known by (``ModelFolder.sha256``)."""
    try:
        names = [name for name in NAMES if name != CHECKSUMS and (folder / name).is_file()]
        files = [file_of(folder / name, name) for name in names]
    except OSError:
        return False
    return bool(files) and hashlib.sha256(checksum_list(files)).hexdigest() == sha256


def is_manifest(path: Path, sha256: str) -> bool:
    """Whether a gzipped manifest unpacks to lines of that hash."""
    digest = hashlib.sha256()
    try:
        with gzip.open(path) as lines:
            while block := lines.read(1024 * 1024):
                digest.update(block)
    except (OSError, EOFError, zlib.error):
        return False
    return digest.hexdigest() == sha256
