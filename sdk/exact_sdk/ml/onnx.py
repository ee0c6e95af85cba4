"""Networks for browsers: exported to ONNX, compared with torch, bound to their ``preprocess.json`` (ml-spec 0.9)."""

from __future__ import annotations

import hashlib
import tempfile
import warnings
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exact_core.api.errors import Conflict, Invalid
from exact_core.models.files import NETWORK, PREPROCESS
from exact_sdk.ml.preprocess import NetworkFile, Preprocess

if TYPE_CHECKING:
    import torch

OPSET = 18
BUDGET_BYTES = 60_000_000
"""Most bytes of a network for browsers, as float32."""

TOLERANCE = 1e-4


def export(module: torch.nn.Module, preprocess: Preprocess, folder: Path, *, budget: int = BUDGET_BYTES) -> Preprocess:
    """Write ``model.onnx`` and ``preprocess.json`` into a new folder, all or nothing; hand it to ``store.save``.

    The number of pictures is free; for segmentation height and width are any multiples of ``preprocess.multiple``,
    which the exporter must know to see that skip connections fit. What onnxruntime answers is compared with torch for
    two sizes and two batches.

    Args:
        module: In eval mode; from ``(n, bands, h, w)`` to one tensor, or to several of which the first counts.
        preprocess: What happens to pixels before and to answers after; its ``model`` is filled in.
        folder: Where; it must not exist.
        budget: Most bytes.

    Returns:
        What was written as ``preprocess.json``.

    Raises:
        Conflict: There is such a folder.
        Invalid: The network is too large, is in training mode, or answers differently after the export.
    """
    if folder.exists():
        raise Conflict(f"There is a {folder.name!r} already; choose another folder.")
    if module.training:
        raise Invalid("The network is in training mode; call eval() before the export.")
    _require_budget(sum(one.numel() * one.element_size() for one in module.state_dict().values()), budget)
    wrapped = _first_output(module)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".onnx-") as place:
        written = Path(place) / "onnx"
        written.mkdir()
        path = written / Path(NETWORK).name
        path.write_bytes(_plain(_exported(wrapped, preprocess)))
        content = path.read_bytes()
        _require_budget(len(content), budget)
        largest = difference(wrapped, path, preprocess)
        if largest > TOLERANCE:
            raise Invalid(f"The exported network answers differently: by {largest:.2g}, at most {TOLERANCE} is taken.")
        digest = hashlib.sha256(content).digest()
        network = NetworkFile(
            file=path.name, bytes=len(content), sha256=digest.hex(), integrity=f"sha256-{b64encode(digest).decode()}"
        )
        complete = preprocess.model_copy(update={"model": network})
        (written / Path(PREPROCESS).name).write_text(complete.text(), encoding="utf-8")
        written.rename(folder)
    return complete


def export_stored(source: Path, preprocess: Preprocess, target: Path, *, budget: int = BUDGET_BYTES) -> None:
    """Write a stored model again, with its network for browsers in it.

    Args:
        source: A folder of ``store.save``.
        preprocess: As in :func:`export`.
        target: A new folder.
        budget: Most bytes.
    """
    from exact_sdk.ml import store

    loaded = store.load(source)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".onnx-") as place:
        made = Path(place) / "onnx"
        export(loaded.module, preprocess, made, budget=budget)
        store.save(target, loaded.module, loaded.meta, onnx=made)


def difference(module: torch.nn.Module, path: Path, preprocess: Preprocess, seed: int = 0) -> float:
    """The largest difference of probabilities between torch and onnxruntime, over two sizes and two batches.

    Args:
        module: The network.
        path: Its ONNX file.
        preprocess: Names, sizes and activation.
        seed: Of the pictures.
    """
    import torch

    rng, largest = np.random.default_rng(seed), 0.0
    network = Session(path, preprocess)
    for count in (1, 3):
        for height, width in _sizes(preprocess):
            given = rng.normal(size=(count, len(preprocess.bands), height, width)).astype(np.float32)
            with torch.inference_mode():
                expected = module(torch.from_numpy(given)).numpy()
            apart = network.run(given) - preprocess.probabilities(expected)
            largest = max(largest, float(np.abs(apart).max()))
    return largest


class Session:
    """A network in onnxruntime, on the CPU."""

    def __init__(self, path: Path, preprocess: Preprocess, threads: int = 0) -> None:
        """Open a network.

        Args:
            path: The ONNX file.
            preprocess: What belongs to it.
            threads: How many threads compute; 0 lets the library decide.
        """
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._preprocess = preprocess
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(self, given: NDArray[np.float32]) -> NDArray[Any]:
        """Probabilities of prepared pictures ``(n, bands, h, w)``."""
        output = self._session.run([self._preprocess.output], {self._preprocess.input: given})[0]
        return self._preprocess.probabilities(output)

    def __call__(self, samples: NDArray[Any]) -> NDArray[Any]:
        """Probabilities of samples ``(n, h, w, channels)``, as ``tilestream.stream`` asks for them."""
        return self.run(self._preprocess.normalise(samples))


def _require_budget(size: int, budget: int) -> None:
    if size > budget:
        raise Invalid(
            f"The network has {size / 1e6:.1f} MB; at most {budget / 1e6:.0f} MB go to a browser. Export a smaller one "
            "(of residual networks, depth 34 or less), and run this one on the server."
        )


def _first_output(module: torch.nn.Module) -> torch.nn.Module:
    """The network with one output, as files for browsers have it."""
    import torch

    class FirstOutput(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.module = module

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            found = self.module(image)
            return found if isinstance(found, torch.Tensor) else found[0]

    return FirstOutput().eval()


def _sizes(preprocess: Preprocess) -> list[tuple[int, int]]:
    if preprocess.task == "classification":
        return [(preprocess.tile, preprocess.tile)]
    one = preprocess.multiple
    return [(2 * one, 3 * one), (4 * one, 2 * one)]


def _exported(module: torch.nn.Module, preprocess: Preprocess) -> bytes:
    import torch
    from torch.export import Dim

    height, width = _sizes(preprocess)[0]
    sample = torch.zeros(2, len(preprocess.bands), height, width)
    free: dict[int, Any] = {0: Dim("n", min=1, max=1024)}
    if preprocess.task == "segmentation":
        # Derived, not free: the exporter must see that every halving and doubling divides without a rest.
        free |= {
            2: preprocess.multiple * Dim("rows", min=1, max=512),
            3: preprocess.multiple * Dim("columns", min=1, max=512),
        }
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own making, about its own libraries
        path = Path(place) / "model.onnx"
        torch.onnx.export(
            module, (sample,), path, dynamo=True, opset_version=OPSET, input_names=[preprocess.input],
            output_names=[preprocess.output], dynamic_shapes=(free,), external_data=False, verbose=False,
        )  # fmt: skip
        return path.read_bytes()


def _plain(content: bytes) -> bytes:
    """The network without the exporter's notes, which name files of the machine that it ran on."""
    import onnx

    model = onnx.load_from_string(content)
    del model.metadata_props[:]
    model.doc_string = model.producer_version = ""
    for graph in (model.graph, *model.functions):
        graph.doc_string = ""
        del graph.metadata_props[:]
        for part in (*graph.node, *graph.value_info, *getattr(graph, "input", ()), *getattr(graph, "output", ())):
            if not isinstance(part, str):
                part.doc_string = ""
                del part.metadata_props[:]
    for tensor in model.graph.initializer:
        del tensor.metadata_props[:]
    return bytes(model.SerializeToString(deterministic=True))
