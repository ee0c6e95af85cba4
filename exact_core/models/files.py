"""Which folders are models: names, sizes, checksums, contents; checked without torch or a database, running nothing.

The server checks every upload with these functions and again whenever a model is opened; ``exact_sdk.ml.store`` checks
what it writes and reads with the same ones. What a model folder holds is in docs/models.md.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from exact_core.api.errors import Invalid, TooLarge
from exact_core.models.checksums import ModelFile, checksum_list, file_of, read_text, told_checksums
from exact_core.models.disguises import refuse_disguise
from exact_core.models.json_files import read_object
from exact_core.models.onnx_files import check_onnx
from exact_core.models.tensors import check_tensors

WEIGHTS = "model.safetensors"
DESCRIPTION = "model.json"
CARD = "card.json"
CARD_TEXT = "card.md"
NETWORK = "onnx/model.onnx"
PREPROCESS = "onnx/preprocess.json"
CHECKSUMS = "SHA256SUMS"

NAMES = (WEIGHTS, DESCRIPTION, CARD, CARD_TEXT, NETWORK, PREPROCESS, CHECKSUMS)
"""Every file that a model may have; there are no others."""

_REQUIRED = (DESCRIPTION, CARD, CHECKSUMS)
_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Most bytes of the files of one model.

    Attributes:
        total: All files together.
        header: The header of ``model.safetensors``.
        network: ``onnx/model.onnx``, which browsers fetch and the check reads into memory.
        card: ``card.json`` and ``card.md``, which the database keeps.
        text: Each of the other files.
    """

    total: int = 2048 * _MEBIBYTE
    header: int = 25_000_000
    network: int = 64_000_000
    card: int = _MEBIBYTE
    text: int = 4 * _MEBIBYTE

    def of(self, name: str) -> int:
        """Most bytes of one file."""
        if name == WEIGHTS:
            return self.total
        most = {NETWORK: self.network, CARD: self.card, CARD_TEXT: self.card}.get(name, self.text)
        return min(self.total, most)


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder that was checked.

    Attributes:
        path: The folder.
        files: Every file but ``SHA256SUMS``, by name.
        description: ``model.json``.
        card: ``card.json``.
        labels: The classes of ``model.json`` in the order of the output; empty when it names none.
    """

    path: Path
    files: tuple[ModelFile, ...]
    description: Mapping[str, object]
    card: Mapping[str, object]
    labels: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """The identity of the content: the hash of the canonical ``SHA256SUMS``."""
        return hashlib.sha256(checksum_list(self.files)).hexdigest()


def check_folder(folder: Path, limits: Limits | None = None) -> ModelFolder:
    """Check everything about a model folder (ml-spec 0.6).

    Args:
        folder: The folder.
        limits: Most bytes.

    Raises:
        Invalid: A file is missing, unexpected, a link, in disguise, damaged, or has a value that is not finite.
        TooLarge: A file, or all together, are over a limit.
    """
    limits = limits or Limits()
    sizes = _sizes_of(folder, limits)
    for name in sizes:
        refuse_disguise(folder / name, name, is_weights=name == WEIGHTS)
    files = _with_right_checksums(folder, sizes)
    description = read_object(folder / DESCRIPTION, DESCRIPTION)
    labels = labels_of(description)
    card = read_object(folder / CARD, CARD)
    if CARD_TEXT in sizes:
        read_text(folder / CARD_TEXT)
    if WEIGHTS in sizes:
        check_tensors(folder / WEIGHTS, WEIGHTS, limits.header)
    if NETWORK in sizes:
        check_onnx(folder / NETWORK, NETWORK)
        _require_matching(read_object(folder / PREPROCESS, PREPROCESS), files)
    return ModelFolder(folder, files, description, card, labels)


def check_names(names: Iterator[str] | list[str]) -> None:
    """Refuse a list of files that no model has; the messages name the file.

    Raises:
        Invalid: An unknown name, a name twice, or a required file that is missing.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise Invalid(f"The model has the file {name[:100]!r} twice; keep one of them.")
        if name not in NAMES:
            raise Invalid(
                f"The model has a file {name[:100]!r}, which no model may have. Leave it out; a model has only:"
                f" {', '.join(NAMES)}."
            )
        seen.add(name)
    missing = [name for name in _REQUIRED if name not in seen]
    if not seen & {WEIGHTS, NETWORK}:
        missing.append(f"{WEIGHTS} (or {NETWORK})")
    if (NETWORK in seen) != (PREPROCESS in seen):
        missing.append(PREPROCESS if NETWORK in seen else NETWORK)
    if missing:
        raise Invalid(f"The model lacks {', '.join(missing)}; write the folder with exact_sdk.ml.store.save.")


def labels_of(description: Mapping[str, object]) -> tuple[str, ...]:
    """The classes in ``model.json``: texts, or objects with a ``name``.

    Raises:
        Invalid: They are something else, empty, or named twice.
    """
    classes = description.get("classes", [])
    if not isinstance(classes, list):
        raise Invalid(f"{DESCRIPTION}: 'classes' must be a list of names, or of objects with a 'name'.")
    names = [each.get("name") if isinstance(each, dict) else each for each in classes]
    labels = tuple(each for each in names if isinstance(each, str) and 0 < len(each) <= 200 and each.isprintable())
    if len(labels) != len(classes) or len(set(labels)) != len(labels):
        raise Invalid(f"{DESCRIPTION}: each class in 'classes' needs a name of its own of 1 to 200 characters.")
    return labels


def _sizes_of(folder: Path, limits: Limits) -> dict[str, int]:
    """The size of every file of the folder, in the order of ``NAMES``; links and other things are refused unopened."""
    if not folder.is_dir() or folder.is_symlink():
        raise Invalid(f"{folder.name!r} is not a folder; a model is a folder of files, or a ZIP archive of them.")
    found: dict[str, int] = {}
    for path in sorted([*folder.iterdir(), *_inside(folder / "onnx")]):
        name = path.relative_to(folder).as_posix()
        facts = path.lstat()
        if stat.S_ISDIR(facts.st_mode) and name == "onnx":
            continue
        if not stat.S_ISREG(facts.st_mode):
            raise Invalid(f"{name[:100]!r} in the model is a link, a folder or a device; a model has plain files only.")
        found[name] = facts.st_size
    check_names(list(found))
    for name, size in found.items():
        if size > limits.of(name):
            raise TooLarge(f"{name} has {size:,} bytes; at most {limits.of(name):,} are taken.")
    if sum(found.values()) > limits.total:
        raise TooLarge(f"The model has {sum(found.values()):,} bytes; at most {limits.total:,} are taken.")
    return {name: found[name] for name in NAMES if name in found}


def _inside(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []


def _with_right_checksums(folder: Path, sizes: Mapping[str, int]) -> tuple[ModelFile, ...]:
    told = told_checksums(folder / CHECKSUMS, CHECKSUMS)
    names = [name for name in sizes if name != CHECKSUMS]
    if sorted(told) != sorted(names):
        different = ", ".join(sorted(set(told) ^ set(names)))
        raise Invalid(f"{CHECKSUMS} must list every other file once; it differs from the folder in: {different[:200]}.")
    files = tuple(file_of(folder / name, name) for name in sorted(names))
    for each in files:
        if each.sha256 != told[each.name]:
            raise Invalid(
                f"{each.name} has not the checksum that {CHECKSUMS} tells: it was changed or damaged on its way."
                " Copy the model again, or write it again with exact_sdk.ml.store.save."
            )
    return files


def _require_matching(preprocess: Mapping[str, object], files: tuple[ModelFile, ...]) -> None:
    """What ``preprocess.json`` says of the network beside it is true, where it says something."""
    told = preprocess.get("model")
    network = next(each for each in files if each.name == NETWORK)
    if isinstance(told, dict) and told.get("sha256", network.sha256) != network.sha256:
        raise Invalid(f"{PREPROCESS} was written for another network than {NETWORK}; export both together.")
