"""What the plugin adds to EXACT. Each hook is a few lines; the work is in the modules beside this one."""

from __future__ import annotations

from collections.abc import Sequence

from exact_core.api import (
    AnnotationReader,
    Frontend,
    JobType,
    Panel,
    PluginInfo,
    PluginRouter,
    PluginSchema,
    Region,
    Slot,
    Statistic,
    hookimpl,
)

from exact_kept_sample import routes, service
from exact_kept_sample.schemas import CountParams, PredictParams
from exact_kept_sample.settings import KeptSampleSettings
from exact_kept_sample.tables import Base


@hookimpl
def exact_plugin_info() -> PluginInfo:
    return PluginInfo(
        title="Kept sample",
        summary="Say in a sentence what it does.",
        settings=KeptSampleSettings,
    )


@hookimpl
def exact_routers() -> Sequence[PluginRouter]:
    return [PluginRouter(routes.router)]


@hookimpl
def exact_schema() -> PluginSchema:
    return PluginSchema(Base.metadata, "exact_kept_sample.migrations")


@hookimpl
def exact_frontend() -> Frontend:
    panel = Panel("kept_sample.panel", "Kept sample", Slot.VIEWER_RIGHT)
    return Frontend(entry="index.js", styles=("panel.css",), panels=(panel,))


@hookimpl
def exact_job_types() -> Sequence[JobType]:
    return [
        JobType(
            "count",
            "Count the images of a set",
            "exact_kept_sample.jobs:count_images",
            params=CountParams,
        ),
        JobType(
            "predict",
            "Predict with the model",
            "exact_kept_sample.model:run_prediction",
            params=PredictParams,
        ),
    ]


@hookimpl
def exact_statistics(
    region: Region,
    reader: AnnotationReader,
    settings: KeptSampleSettings,
) -> Sequence[Statistic]:
    count = service.count_shapes(reader, region, settings)
    return [
        Statistic(
            "kept_sample.count",
            "Kept sample",
            count.total,
            unit="shapes",
            note=count.note,
        )
    ]
