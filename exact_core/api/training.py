"""Training from a version: what a training job is given, and what it hands back to be judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.floating]
    Whole = NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """A version of an image set as training material; it is the same whenever it is asked for.

    Attributes:
        version_id: The version.
        version_name: What people call it.
        manifest: The version's manifest on this machine: gzipped lines of JSON, one per image and annotation
            (``docs/versions.md``), checked against its hash.
        manifest_sha256: Hash of the unpacked lines.
        labels: The classes, in the order of the model's output.
        label_of: Annotation type to index into ``labels``; types of one class share it. What is of no type here is
            neither a class nor background.
        parts: Images of each part of the split: ``train``, ``validation``, ``test``.
        groups: What keeps images together, a patient or a centre, by image; images without one are groups of their own.
        split: Name of the split.
    """

    version_id: int
    version_name: str
    manifest: Path
    manifest_sha256: str
    labels: tuple[str, ...]
    label_of: Mapping[int, int]
    parts: Mapping[str, tuple[int, ...]]
    groups: Mapping[int, str]
    split: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a trained model says of samples that it has not learned from, for the pages that judge it.

    Attributes:
        part: Which part of the split the samples are of: ``validation`` or ``test``.
        labels: The classes.
        probabilities: ``(n, classes)`` float, each row adds up to 1.
        truth: ``(n,)`` index of the true class.
        image_ids: ``(n,)`` the image of each sample.
        annotation_ids: ``(n,)`` the annotation that it is; -1 where a sample is a whole image or a piece of one.
        groups: ``(n,)`` which samples hang together; intervals draw whole groups.
        uncalibrated: ``(n, classes)`` the same probabilities before they were calibrated; None when they were not.
    """

    part: str
    labels: tuple[str, ...]
    probabilities: Numbers
    truth: Whole
    image_ids: Whole
    annotation_ids: Whole
    groups: Sequence[str]
    uncalibrated: Numbers | None = None
