"""Evaluations of trained models as files: arrays as safetensors, names in the header."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from exact_core.api.errors import Invalid
from exact_core.api.training import Evaluation

_ARRAYS = ("probabilities", "truth", "image_ids", "annotation_ids")
_HEADER = "evaluation"


def write_evaluation(path: Path, evaluation: Evaluation) -> None:
    """Write an evaluation to a file."""
    arrays = {name: np.ascontiguousarray(getattr(evaluation, name)) for name in _ARRAYS}
    if evaluation.uncalibrated is not None:
        arrays["uncalibrated"] = np.ascontiguousarray(evaluation.uncalibrated)
    names = sorted(set(evaluation.groups))
    place = {name: number for number, name in enumerate(names)}
    arrays["groups"] = np.array([place[name] for name in evaluation.groups], dtype=np.int64)
    header = {"part": evaluation.part, "labels": list(evaluation.labels), "groups": names}
    save_file(arrays, path, metadata={_HEADER: json.dumps(header)})


def read_evaluation(path: Path) -> Evaluation:
    """Read what :func:`write_evaluation` wrote; whoever keeps it checks the values.

    Raises:
        Invalid: The file is cut off, or no evaluation.
    """
    try:
        with safe_open(path, "np") as file:
            header = json.loads((file.metadata() or {})[_HEADER])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
        names = [str(name) for name in header["groups"]]
        probabilities, truth, image_ids, annotation_ids = (arrays[name] for name in _ARRAYS)
        return Evaluation(
            part=str(header["part"]),
            labels=tuple(str(label) for label in header["labels"]),
            probabilities=probabilities,
            truth=truth,
            image_ids=image_ids,
            annotation_ids=annotation_ids,
            groups=[names[number] for number in arrays["groups"].tolist()],
            uncalibrated=arrays.get("uncalibrated"),
        )
    except (SafetensorError, LookupError, TypeError, ValueError) as error:
        raise Invalid(f"The evaluation that was sent cannot be read ({str(error)[:200]}).") from None
