"""Model cards: what a model was made of, how good it is, and what it is not for (ml-spec 0.7)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from exact_core.agreement.measures.bootstrap import Interval
from exact_core.api.errors import Invalid
from exact_sdk.ml import card_text
from exact_sdk.ml.manifest import DataManifest

_Text = Annotated[str, Field(max_length=4000)]
_Share = Annotated[float, Field(allow_inf_nan=False)]


class Measured(BaseModel):
    """A figure of merit.

    Attributes:
        value: On the test part.
        ci: Its 95 % bootstrap interval, drawn by group; None where there is none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: _Share
    ci: tuple[_Share, _Share] | None = None

    @classmethod
    def of(cls, interval: Interval) -> Self:
        """From an interval of ``exact_sdk.ml.bootstrap``."""
        has_ends = interval.low is not None and interval.high is not None
        return cls(value=interval.value, ci=(interval.low, interval.high) if has_ends else None)


class TrainedOn(BaseModel):
    """The data of a training; numbers only, so that whoever may not see an image learns nothing of it.

    Attributes:
        image_set_id: The image set.
        image_set: Its name.
        version_id: The version.
        version: Its name.
        manifest_sha256: Checksum of the data.
        images: Number of images in each part.
        annotations: Number of annotations of each class in each part.
        group_key: What kept images together: a kind of tag, or empty for single files.
        split_seed: Of the split.
        split: The part of each group, where the split is not a function of the group.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    image_set_id: int
    image_set: _Text
    version_id: int
    version: _Text
    manifest_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    images: dict[str, int] = Field(default_factory=dict)
    annotations: dict[str, dict[str, int]] = Field(default_factory=dict)
    group_key: _Text = ""
    split_seed: int | None = None
    split: dict[str, str] | None = None

    @classmethod
    def of(cls, manifest: DataManifest, parts: dict[int, str], **facts: Any) -> Self:
        """Count a manifest.

        Args:
            manifest: The data.
            parts: The part of each image; an image without one was not used.
            facts: ``group_key``, ``split_seed`` and ``split``.
        """
        images: dict[str, int] = {}
        annotations: dict[str, dict[str, int]] = {}
        for image in manifest.images:
            if image.id not in parts:
                continue
            part = parts[image.id]
            images[part] = images.get(part, 0) + 1
            for one in image.annotations:
                of_part = annotations.setdefault(part, {})
                of_part[one.label] = of_part.get(one.label, 0) + 1
        return cls(
            image_set_id=manifest.image_set_id, image_set=manifest.image_set, version_id=manifest.version_id,
            version=manifest.name, manifest_sha256=manifest.sha256, images=images, annotations=annotations, **facts,
        )  # fmt: skip


class Run(BaseModel):
    """How a training went.

    Attributes:
        seed: Of everything random.
        threads: How many threads torch had.
        device: Where it ran.
        precision: Of convolutions and products.
        torch: Version of torch.
        commit: Of the code, where it is known.
        wall_seconds: From begin to end.
        cpu_seconds: Of the processor.
        epochs: How many were run.
        best_epoch: The one that was kept.
        criterion: By what it was chosen.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int | None = None
    threads: int | None = None
    device: str = ""
    precision: str = ""
    torch: str = ""
    commit: str = ""
    wall_seconds: _Share | None = None
    cpu_seconds: _Share | None = None
    epochs: int | None = None
    best_epoch: int | None = None
    criterion: str = ""


class Calibrated(BaseModel):
    """How far probabilities can be believed.

    Attributes:
        temperature: Logits are divided by it.
        ece_before: Expected calibration error on the test part, before.
        ece_after: After.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float = Field(gt=0, allow_inf_nan=False)
    ece_before: _Share
    ece_after: _Share


class Card(BaseModel):
    """``card.json``.

    Attributes:
        model_id: Permanent identity of the model, a UUID; empty until it has one.
        title: What people call it.
        kind: Full name of its ``ModelCard``, ``<plugin>.<name>``; the server runs it as that.
        plugin: The plugin that made it.
        plugin_version: Of the plugin.
        architecture: Name of the network.
        parameters: How many numbers were learned.
        created_utc: When, in ISO 8601.
        created_by: Who.
        trained_on: The data.
        config: All settings of the training.
        run: How it went.
        metrics: Figures of merit by name.
        calibration: How far its probabilities can be believed.
        intended_use: What it is for.
        out_of_scope: What it is not for.
        failure_modes: Where it is known to fail.
        parent_model_id: The model that it was refined from.
        pretrained_licence: Of the weights that it began with.
        input: Bands, their order, type, resolution and normalisation of what it is given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model_id: str = ""
    title: _Text = ""
    kind: str = Field(default="", max_length=200)
    plugin: _Text = ""
    plugin_version: _Text = ""
    architecture: _Text = ""
    parameters: int | None = Field(default=None, ge=0)
    created_utc: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    created_by: _Text = ""
    trained_on: TrainedOn | None = None
    config: dict[str, Any] = Field(default_factory=dict)
    run: Run = Field(default_factory=Run)
    metrics: dict[str, Measured] = Field(default_factory=dict)
    calibration: Calibrated | None = None
    intended_use: _Text = ""
    out_of_scope: _Text = ""
    failure_modes: tuple[_Text, ...] = ()
    parent_model_id: str = ""
    pretrained_licence: _Text = ""
    input: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def of_json(cls, value: object) -> Self:
        """Read what a file holds.

        Raises:
            Invalid: A field is unknown or wrong.
        """
        try:
            card = cls.model_validate(value)
            for id_ in (card.model_id, card.parent_model_id):
                if id_:
                    UUID(id_)
        except ValidationError as error:
            first = error.errors()[0]
            raise Invalid(f"card.json, {'.'.join(map(str, first['loc']))}: {first['msg']}.") from None
        except ValueError:
            raise Invalid("card.json: model_id and parent_model_id must be UUIDs, or empty.") from None
        return card

    def text(self) -> str:
        """The file, the same bytes each time.

        Raises:
            Invalid: The configuration holds what JSON cannot.
        """
        try:
            value = self.model_dump()  # as Python: as JSON, NaN would become null without a word
            return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
        except (TypeError, ValueError) as error:
            raise Invalid(f"The model card cannot be written: {error}. Give plain numbers, texts and lists.") from None

    def markdown(self) -> str:
        """The card for people: ``card.md``."""
        return card_text.markdown(self)
