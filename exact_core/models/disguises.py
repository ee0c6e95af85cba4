"""Files that are not what their name says: pickles, which run code when they are read, and formats of others."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath

from exact_core.api.errors import Invalid

_PICKLE = tuple(bytes((0x80, protocol)) for protocol in range(2, 6))
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_HDF5 = b"\x89HDF\r\n\x1a\n"
_FOREIGN = frozenset({".pth", ".pt", ".ckpt", ".pkl", ".pickle", ".bin", ".joblib", ".npy", ".npz", ".h5", ".hdf5"})
_FOREIGN_NAMES = ".pth, .pt, .ckpt, .pkl, .h5"

CONVERT = (
    "Reading such a file can run code that somebody hid in it. An administrator of the machine can convert weights"
    " that they trust with: exact models convert FILE"
)
"""What to do with weights that are a pickle or a format of others."""


def refuse_disguise(path: Path, name: str, *, is_weights: bool = False) -> None:
    """Refuse a file that is a pickle or an archive with one, whatever it is called (ml-spec 0.6).

    Args:
        path: The file.
        name: What the message calls it.
        is_weights: It should be safetensors, whose first 8 bytes are a length: a header of 640 bytes begins like a
            pickle, and then its ninth byte is a brace.

    Raises:
        Invalid: It is one.
    """
    with path.open("rb") as file:
        head = file.read(16)
    if is_weights and head[8:9] == b"{":
        return
    if head.startswith(_PICKLE):
        raise Invalid(f"{name} is a Python pickle, not what its name says. {CONVERT}")
    if head.startswith(_ZIP):
        what = "weights as torch.save writes them, a pickle" if holds_pickle(path) else "an archive"
        raise Invalid(f"{name} is {what}, not what its name says. {CONVERT}")
    if head.startswith(_HDF5):
        raise Invalid(f"{name} is an HDF5 file, not what its name says. {CONVERT}")


def refuse_foreign(file_name: str, head: bytes) -> None:
    """Refuse weights of other programs that are offered as a model, with the way to convert them.

    Args:
        file_name: As the sender calls it; may be empty.
        head: The first bytes.

    Raises:
        Invalid: The file is one of those.
    """
    suffix = PurePosixPath(file_name.replace("\\", "/")).suffix.lower()
    if suffix in _FOREIGN or head.startswith((*_PICKLE, _HDF5)):
        raise Invalid(
            f"{file_name[:100] or 'The file'} holds weights of another program ({_FOREIGN_NAMES}, …), not a model of"
            f" EXACT, which is a ZIP archive of safetensors and JSON. {CONVERT}"
        )


def holds_pickle(path: Path) -> bool:
    """Whether an archive holds ``data.pkl``, as those of ``torch.save`` do."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(PurePosixPath(name).name == "data.pkl" for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False
