"""What the core says of its own models, through the same door as plugins."""

from __future__ import annotations

from collections.abc import Sequence

from exact_core.api.markers import hookimpl
from exact_core.api.models import ModelCard, ModelTask
from exact_core.detectors.objects.settings import TrainSettings
from exact_core.detectors.settings import NucleusSettings, TissueSettings

NUCLEI = ModelCard(
    name="nuclei",
    title="Nucleus detector",
    task=ModelTask.DETECTION,
    driver="exact_nuclei",
    summary="Outlines nuclei that are darker in haematoxylin than what surrounds them, in bright-field colour. "
    "Classical image analysis for a first count or a starting point; it does not tell kinds of cells apart.",
    params=NucleusSettings,
    labels=("nucleus",),
    is_built_in=True,
    memory_mib=1024,
)
"""Its runs have outlines with a score."""

TISSUE = ModelCard(
    name="tissue",
    title="Tissue finder",
    task=ModelTask.SEGMENTATION,
    driver="exact_tissue",
    summary="Outlines tissue against glass by its colour, with holes, and maps how sure that is. Fat and very pale "
    "tissue may be missed; it knows nothing of folds, pen or bubbles.",
    params=TissueSettings,
    labels=("tissue",),
    is_built_in=True,
    memory_mib=1024,
)
"""Its runs have polygons with holes and a map ``probability``."""

OBJECTS = ModelCard(
    name="objects",
    title="Object classifier",
    task=ModelTask.DETECTION,
    driver="exact_objects",
    summary="Finds nuclei and says of which class each is, by colour, stain, size, form and texture. Learned from the"
    " objects of a version in seconds, on any computer; classes that differ by their surroundings need a network.",
    params=NucleusSettings,
    memory_mib=1024,
    train="exact_core.detectors.objects.training:train",
    train_params=TrainSettings,
)
"""Its stored models have outlines with a class, a score and how unsure that is."""


class BuiltinModels:
    """Brings the nucleus detector, the tissue finder, and the classifier that can be trained."""

    @hookimpl
    def exact_models(self) -> Sequence[ModelCard]:
        """Two kinds of models that need nothing stored, and one that learns."""
        return (NUCLEI, TISSUE, OBJECTS)
