"""What the plugin adds to EXACT. Each hook is one or two lines; the work is in the modules beside this one.

Read it as an example: ``exact_plugin_info`` names the plugin and its settings, ``exact_routers`` adds HTTP routes,
``exact_frontend`` names the browser module, ``exact_statistics`` and ``exact_overlays`` answer questions of the
platform, ``exact_search_fields`` adds something to search for, ``exact_annotations_changed`` hears what happened. A
hook takes only the arguments it needs.
"""

from __future__ import annotations

from collections.abc import Sequence

from exact_core.api import (
    AnnotationChange,
    AnnotationReader,
    Frontend,
    ImageInfo,
    Overlay,
    OverlayPlace,
    Panel,
    PluginInfo,
    PluginRouter,
    Region,
    SearchField,
    SearchKind,
    Slot,
    Statistic,
    hookimpl,
)
from exact_eiph_score import routes, search, service
from exact_eiph_score.score import MAXIMUM
from exact_eiph_score.settings import EiphSettings


@hookimpl
def exact_plugin_info() -> PluginInfo:
    return PluginInfo(
        title="EIPH score",
        summary="Doucet score of pulmonary haemorrhage for the field of view, and a heat map of the slide.",
        settings=EiphSettings,
        suggests_products=("EIPH", "Pulmonary haemorrhage"),
    )


@hookimpl
def exact_routers() -> Sequence[PluginRouter]:
    return [PluginRouter(routes.router)]


@hookimpl
def exact_frontend() -> Frontend:
    panels = (
        Panel("eiph_score.score", "EIPH score", Slot.VIEWER_RIGHT, order=50),
        Panel("eiph_score.study", "EIPH scores", Slot.IMAGE_SET_TAB, order=50),
    )
    return Frontend(entry="index.js", styles=("eiph_score.css",), panels=panels)


@hookimpl
def exact_overlays(image: ImageInfo) -> Sequence[Overlay]:
    url = f"images/{image.id}/heat-map.png"
    return [
        Overlay(
            "eiph_score.overview",
            "EIPH grades in the overview",
            url,
            places=(OverlayPlace.NAVIGATOR,),
            opacity=0.7,
            is_shown=True,
        ),
        Overlay("eiph_score.slide", "EIPH grades on the slide", url, opacity=0.45),
    ]


@hookimpl
def exact_search_fields() -> Sequence[SearchField]:
    grade = "The grade 0 to 4 that its type stands for."
    score = "The score 0 to 400 of the image that it lies on."
    return [
        SearchField("eiph_score.grade", SearchKind.NUMBER, search.grade_of_row, "EIPH grade", grade),
        SearchField(
            "eiph_score.score",
            SearchKind.NUMBER,
            title="EIPH score of the image",
            description=score,
            image_value=search.score_of_image,
        ),
    ]


@hookimpl
def exact_statistics(region: Region, reader: AnnotationReader, settings: EiphSettings) -> Sequence[Statistic]:
    score = service.score_region(reader, region, settings)
    value = None if score.value is None else round(score.value, 1)
    return [
        Statistic("eiph_score.score", "EIPH score", value, note=score.warning, maximum=MAXIMUM),
        Statistic("eiph_score.cells", "Graded cells", score.total, unit="cells"),
    ]


@hookimpl
def exact_annotations_changed(changes: Sequence[AnnotationChange]) -> None:
    for image_id in {change.image_id for change in changes}:
        routes.heat_maps.forget(image_id)
