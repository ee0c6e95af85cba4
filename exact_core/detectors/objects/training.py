"""The job that trains a classifier of objects from a version."""

from __future__ import annotations

import gzip
import hashlib
import json
import platform
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exact_core import __version__
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.api.training import Evaluation, TrainingSet
from exact_core.detectors.objects.classifier import Classifier
from exact_core.detectors.objects.features import Scale, features_of, mode_of
from exact_core.detectors.objects.learning import fit
from exact_core.detectors.objects.settings import TrainSettings
from exact_core.exchange.outlines import box_outline, ellipse_outline

if TYPE_CHECKING:
    from exact_core.api.context import JobContext

KIND = "core.objects"
_PARTS = ("train", "validation", "test")
_BATCH = 64
_READING = 0.8
"""Share of the work that measuring objects is."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One annotation that is an object: its class and its rings in level-0 pixels."""

    annotation_id: int
    label: int
    rings: tuple[NDArray[np.float64], ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """The objects of one part: features ``(n, f)``, classes, and where each lies."""

    features: NDArray[np.float64]
    truth: NDArray[np.int64]
    image_ids: NDArray[np.int64]
    annotation_ids: NDArray[np.int64]


def train(context: JobContext) -> dict[str, Any]:
    """Measure every object of the classes, learn, judge on what was not learned from, and keep the model."""
    began = time.monotonic(), time.process_time()
    given = context.params["settings"]
    settings = TrainSettings.model_validate(given)
    material = context.training_set()
    things = things_of(material)
    parts = {part: list(material.parts.get(part, ())) for part in _PARTS}
    thinned = _thinned(things, parts["train"], settings)
    scale = Scale(settings.resolution if settings.measure_in == "µm" else None, settings.point_radius)
    mode, measured = _measure(context, parts, thinned, scale)
    learned_from = measured["train"]
    validation = measured["validation"]
    model = fit(
        learned_from.features,
        learned_from.truth,
        (validation.features, validation.truth) if len(validation.truth) else None,
        labels=material.labels,
        mode=mode,
        scale=scale,
        strengths=settings.strengths,
        balanced=settings.balance_classes,
        told=lambda step, strength, figures: _tell(context, step, strength, figures),
    )
    for part in ("validation", "test"):
        if len(measured[part].truth):
            context.evaluated(_evaluation(part, model, measured[part], material))
    context.report(0.95, "Keeping the model")
    with tempfile.TemporaryDirectory(prefix="exact-objects-") as name:
        folder = Path(name)
        card = _card(model, material, measured, settings, began)
        write_model(folder, model, card)
        kept = context.save_model(folder, name=str(context.params["name"]), kind=KIND, version_id=material.version_id)
    return {"model": kept.uuid, "objects": {part: len(each.truth) for part, each in measured.items()}}


def _tell(context: JobContext, step: int, strength: float, figures: Mapping[str, float]) -> None:
    context.curve(step, figures)
    loss = figures.get("validation loss", figures["train loss"])
    context.log(f"Attempt {step}: strength {strength:g}, loss {loss:.4f}")


def things_of(material: TrainingSet) -> dict[int, list[Thing]]:
    """The objects of a training set by image, in the order of the manifest."""
    found: dict[int, list[Thing]] = defaultdict(list)
    for line in _lines(material.manifest):
        if line["line"] != "annotation" or line["type"] not in material.label_of:
            continue
        rings = _rings(Shape(line["shape"]), line["rings"])
        if rings:
            found[line["image"]].append(Thing(line["id"], material.label_of[line["type"]], rings))
    return found


def _lines(manifest: Path) -> Iterator[Mapping[str, Any]]:
    with gzip.open(manifest, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _rings(shape: Shape, rings: Sequence[Sequence[Sequence[float]]]) -> tuple[NDArray[np.float64], ...]:
    """The rings of a shape that has an inside, or is a point; nothing for lines and labels."""
    given = [np.asarray(ring, np.float64) for ring in rings]
    if shape is Shape.BOX:
        return (box_outline(given[0]),)
    if shape is Shape.ELLIPSE:
        return (ellipse_outline(given[0]),)
    if shape is Shape.MULTI_POLYGON:  # measured by its first part
        return (given[0],)
    return tuple(given) if shape in (Shape.POINT, Shape.POLYGON, Shape.ROTATED_BOX) else ()


def _thinned(
    things: Mapping[int, list[Thing]], images: Sequence[int], settings: TrainSettings
) -> dict[int, list[Thing]]:
    """Everything, but of each class at most so many objects in the training part, chosen by the seed."""
    own = [(image_id, thing) for image_id in images for thing in things.get(image_id, ())]
    by_label: dict[int, list[tuple[int, Thing]]] = defaultdict(list)
    for image_id, thing in own:
        by_label[thing.label].append((image_id, thing))
    random = np.random.default_rng(settings.seed)
    kept: dict[int, list[Thing]] = {
        image_id: list(found) for image_id, found in things.items() if image_id not in images
    }
    for label in sorted(by_label):
        chosen = by_label[label]
        if len(chosen) > settings.most_per_class:
            places = np.sort(random.choice(len(chosen), settings.most_per_class, replace=False))
            chosen = [chosen[place] for place in places]
        for image_id, thing in chosen:
            kept.setdefault(image_id, []).append(thing)
    return kept


def _measure(
    context: JobContext, parts: Mapping[str, Sequence[int]], things: Mapping[int, list[Thing]], scale: Scale
) -> tuple[str, dict[str, Measured]]:
    total = sum(len(things.get(image_id, ())) for images in parts.values() for image_id in images)
    done, modes, found = 0, set(), {}
    for part in _PARTS:
        rows: list[NDArray[np.float64]] = []
        facts: list[tuple[int, int, int]] = []
        for image_id in parts[part]:
            own = things.get(image_id, [])
            if not own:
                continue
            reader = context.open_image(image_id)
            try:
                modes.add(mode_of(reader))
                if len(modes) > 1:
                    raise Invalid(
                        f"Image {reader.image.name!r} is {mode_of(reader)} and others are not; split the set."
                    )
                for start in range(0, len(own), _BATCH):
                    batch = own[start : start + _BATCH]
                    rows.append(features_of(reader, [thing.rings for thing in batch], scale))
                    facts += [(thing.label, image_id, thing.annotation_id) for thing in batch]
                    done += len(batch)
                    context.report(_READING * done / total, f"Measuring object {done:,} of {total:,}")
            finally:
                reader.close()
        columns = np.array(facts, np.int64).reshape(-1, 3)
        features = np.concatenate(rows) if rows else np.zeros((0, 0))
        found[part] = Measured(features, columns[:, 0], columns[:, 1], columns[:, 2])
    if not len(found["train"].truth):
        raise Invalid(
            "The training part holds no object of the classes with an inside; draw points, boxes or outlines."
        )
    return modes.pop(), found


def _evaluation(part: str, model: Classifier, measured: Measured, material: TrainingSet) -> Evaluation:
    return Evaluation(
        part=part,
        labels=material.labels,
        probabilities=model.probabilities(measured.features),
        truth=measured.truth,
        image_ids=measured.image_ids,
        annotation_ids=measured.annotation_ids,
        groups=[material.groups.get(image_id, f"image:{image_id}") for image_id in measured.image_ids.tolist()],
        uncalibrated=replace(model, temperature=1.0).probabilities(measured.features),
    )


def write_model(folder: Path, model: Classifier, card: Mapping[str, Any]) -> None:
    """Write the files of a model folder (``docs/models.md``)."""
    from safetensors.numpy import save_file

    save_file(model.tensors(), folder / "model.safetensors")
    (folder / "model.json").write_text(json.dumps(model.description(), indent=2, sort_keys=True), encoding="utf-8")
    (folder / "card.json").write_text(json.dumps(card, indent=2, sort_keys=True), encoding="utf-8")
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(folder.iterdir())]
    (folder / "SHA256SUMS").write_text("".join(sums), encoding="ascii")


def _card(
    model: Classifier,
    material: TrainingSet,
    measured: Mapping[str, Measured],
    settings: TrainSettings,
    began: tuple[float, float],
) -> dict[str, Any]:
    """The facts of ml-spec 0.7 that the job knows."""
    return {
        "plugin": "core",
        "plugin_version": __version__,
        "arch": model.description()["architecture"],
        "params": int(model.weights.size + model.bias.size),
        "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "tag": {"id": material.version_id, "name": material.version_name},
        "manifest_sha256": material.manifest_sha256,
        "n_images": {part: len(set(each.image_ids.tolist())) for part, each in measured.items()},
        "n_annotations": {part: _counts(each, material.labels) for part, each in measured.items()},
        "split": material.split,
        "config": settings.model_dump(mode="json"),
        "seed": settings.seed,
        "device": "cpu",
        "precision": "fp64",
        "python": platform.python_version(),
        "wall_seconds": round(time.monotonic() - began[0], 2),
        "cpu_seconds": round(time.process_time() - began[1], 2),
        "temperature": model.temperature,
        "intended_use": "Sorting objects of the classes above in images like those of the version.",
        "out_of_scope": "Diagnosis; other stains, tissues or scanners than the version has.",
        "known_failure_modes": "Objects that touch or are out of focus; classes that differ by what lies around them.",
        "input_contract": {
            "bands": "RGB" if model.mode == "color" else "one channel",
            "dtype": "uint8" if model.mode == "color" else "any",
            "mpp": model.scale.mpp,
        },
    }


def _counts(measured: Measured, labels: Sequence[str]) -> dict[str, int]:
    counted = Counter(measured.truth.tolist())
    return {label: counted.get(number, 0) for number, label in enumerate(labels)}
