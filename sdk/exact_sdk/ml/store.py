"""Models as folders of safetensors and JSON: written, checked, and built again without a pickle (ml-spec 0.6).

What may be in a folder, and what is checked, is the server's own rule: ``exact_core.models.files``.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exact_core.api.errors import Conflict, Invalid
from exact_core.models import archives
from exact_core.models.checksums import checksum_list, file_of
from exact_core.models.files import (
    CARD,
    CARD_TEXT,
    CHECKSUMS,
    DESCRIPTION,
    NAMES,
    NETWORK,
    PREPROCESS,
    WEIGHTS,
    Limits,
    ModelFolder,
    check_folder,
)
from exact_core.models.tensors import tensor_shapes
from exact_sdk.ml.architectures import Architecture, build
from exact_sdk.ml.card import Card

if TYPE_CHECKING:
    import torch

FORMAT = 1

_OF_NUMPY = frozenset({*("BOOL", "U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64"), *("F16", "F32", "F64", "C64")})

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Meta:
    """What ``model.json`` says.

    Attributes:
        architecture: A registered name.
        arguments: Of its builder.
        classes: Names in the order of the output.
        paths: Of each class, its place in a taxonomy, coarsest first; empty when there is none.
        input: What the network is given: bands, their order, type, resolution, normalisation.
        card: The model card.
    """

    architecture: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    paths: tuple[tuple[str, ...], ...] = ()
    input: Mapping[str, Any] = field(default_factory=dict)
    card: Card = field(default_factory=Card)

    def description(self) -> dict[str, Any]:
        """The content of ``model.json``.

        Raises:
            Invalid: There are paths, but not one for each class.
        """
        if self.paths and len(self.paths) != len(self.classes):
            raise Invalid(f"There are {len(self.paths)} paths for {len(self.classes)} classes; give one each, or none.")
        paths = self.paths or ((),) * len(self.classes)
        classes = [
            {"name": name, **({"path": list(path)} if path else {})}
            for name, path in zip(self.classes, paths, strict=True)
        ]
        return {
            "format": FORMAT, "architecture": self.architecture, "arguments": dict(self.arguments), "classes": classes,
            "input": dict(self.input),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that was read.

    Attributes:
        module: The network with its weights, in eval mode.
        meta: What its files say of it.
        folder: The checked folder.
    """

    module: torch.nn.Module
    meta: Meta
    folder: ModelFolder


def save(
    folder: Path,
    module: torch.nn.Module | Arrays,
    meta: Meta,
    *,
    onnx: Path | None = None,
    limits: Limits | None = None,
) -> ModelFolder:
    """Write a model into a new folder, all or nothing; the same model gives the same bytes.

    Args:
        folder: Where; it must not exist.
        module: A network, whose parameters and buffers are written, or arrays by name.
        meta: What the model is.
        onnx: A folder with ``model.onnx`` and ``preprocess.json`` to put in, see ``exact_sdk.ml.onnx.export``.
        limits: Most bytes.

    Raises:
        Conflict: There is such a folder.
        Invalid: A number is not finite, or something cannot be written; nothing is left then.
    """
    if folder.exists():
        raise Conflict(f"There is a {folder.name!r} already; models are not written over, choose another folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".model-") as place:
        written = Path(place) / "model"
        written.mkdir()
        _write_weights(written / WEIGHTS, module)
        (written / DESCRIPTION).write_text(_json(meta.description()), encoding="utf-8")
        (written / CARD).write_text(meta.card.text(), encoding="utf-8")
        (written / CARD_TEXT).write_text(meta.card.markdown(), encoding="utf-8")
        if onnx is not None:
            (written / NETWORK).parent.mkdir()
            for name in (NETWORK, PREPROCESS):
                shutil.copyfile(onnx / Path(name).name, written / name)
        seal(written)
        found = check_folder(written, limits)
        written.rename(folder)
    return replace(found, path=folder)


def seal(folder: Path) -> None:
    """Write ``SHA256SUMS`` of the files that a folder has now."""
    names = [name for name in NAMES if name != CHECKSUMS and (folder / name).is_file()]
    (folder / CHECKSUMS).write_bytes(checksum_list([file_of(folder / name, name) for name in names]))


def load(
    folder: Path, *, device: str = "cpu", architectures: Mapping[str, Architecture] | None = None,
    limits: Limits | None = None,
) -> Loaded:  # fmt: skip
    """Check a folder, build its network through the registry and give it the weights.

    Args:
        folder: The files.
        device: Where the weights go.
        architectures: Networks by name; those that were registered without it.
        limits: Most bytes.

    Raises:
        Invalid: A file is not acceptable, the network is not known, or the weights are not its own.
    """
    found = check_folder(folder, limits)
    meta = _meta_of(found)
    weights = _weights_of(folder)
    module = build(meta.architecture, meta.arguments, architectures)
    _give_weights(module, weights)
    module.eval()
    return Loaded(module.to(device), meta, found)


def load_arrays(folder: Path, *, limits: Limits | None = None) -> tuple[dict[str, NDArray[Any]], Meta]:
    """Check a folder and read its tensors as numpy arrays; torch is not needed.

    Raises:
        Invalid: A file is not acceptable.
    """
    from safetensors.numpy import load_file

    found, path = check_folder(folder, limits), _weights_of(folder)
    for name, (kind, _) in tensor_shapes(path, WEIGHTS).items():
        # Numpy knows some of these only when another library has taught it; the answer must not depend on that.
        if kind not in _OF_NUMPY:
            raise Invalid(f"The tensor {name!r} has the type {kind}, which numpy does not have; load it with torch.")
    return load_file(path), _meta_of(found)


def to_zip(folder: Path, target: Path) -> None:
    """Pack a model for transport, after checking it; the same files give the same bytes."""
    check_folder(folder)
    with target.open("xb") as file:
        archives.pack(folder, file)


@contextmanager
def from_zip(archive: Path, limits: Limits | None = None) -> Iterator[Path]:
    """Unpack a model into a folder that is gone afterwards.

    Raises:
        Invalid: The archive, or a file in it, is not acceptable.
        TooLarge: It unpacks to more than the limits.
    """
    with tempfile.TemporaryDirectory() as place:
        archives.unpack(archive, Path(place), limits)
        check_folder(Path(place), limits)
        yield Path(place)


def _write_weights(path: Path, module: torch.nn.Module | Arrays) -> None:
    facts = {"format": "pt" if not isinstance(module, Mapping) else "np"}
    if isinstance(module, Mapping):
        from safetensors.numpy import save_file as save_arrays

        save_arrays({name: np.ascontiguousarray(value) for name, value in module.items()}, path, facts)
        return
    from safetensors.torch import save_file

    # Cloned: tensors that share memory (tied weights) are refused by the format.
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in module.state_dict().items()}
    save_file(tensors, path, facts)


def _weights_of(folder: Path) -> Path:
    path = folder / WEIGHTS
    if not path.exists():
        raise Invalid(
            f"The model has no {WEIGHTS}, only a network for browsers; run it with exact_sdk.ml.onnx.Session."
        )
    return path


def _give_weights(module: torch.nn.Module, path: Path) -> None:
    from safetensors.torch import load_file

    try:
        module.load_state_dict(load_file(path), strict=True)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:500]
        raise Invalid(f"The weights are not those of the network that model.json names: {reason}") from None


def _meta_of(folder: ModelFolder) -> Meta:
    told = folder.description
    if told.get("format") != FORMAT:
        raise Invalid(f"model.json has format {told.get('format')!r}, this reads {FORMAT}. Install a newer exact-sdk.")
    architecture, arguments, input_ = told.get("architecture"), told.get("arguments", {}), told.get("input", {})
    if not (isinstance(architecture, str) and isinstance(arguments, dict) and isinstance(input_, dict)):
        raise Invalid("model.json needs the name of an architecture, and objects as arguments and input.")
    return Meta(architecture, arguments, folder.labels, _paths_of(told), input_, Card.of_json(folder.card))


def _paths_of(description: Mapping[str, object]) -> tuple[tuple[str, ...], ...]:
    """The path of each class, empty for one without; empty altogether when none has one."""
    classes = description.get("classes")
    told = [one.get("path") if isinstance(one, dict) else None for one in classes] if isinstance(classes, list) else []
    paths = tuple(tuple(map(str, path)) if isinstance(path, list) else () for path in told)
    return paths if any(paths) else ()


def _json(value: Mapping[str, Any]) -> str:
    try:
        return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise Invalid(f"model.json cannot be written: {error}. Give plain numbers, texts and lists.") from None
