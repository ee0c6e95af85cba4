"""The typed facade: each hook reaches the plugins concerned with the values that its page promises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from exact_sdk.fakedist import FakeDistributions

from exact_core.api import (
    Actor,
    AnnotationAction,
    AnnotationChange,
    ImageAction,
    ImageChange,
    ImageInfo,
    JobResult,
    JobState,
    Refused,
    Region,
    RenderedTile,
    TileRequest,
    VersionRecord,
)
from exact_core.kernel import Kernel
from exact_core.kernel.activation import ActivationRow
from exact_core.storage.database import Database

HEAD = """
    from exact_core.api import *
    heard = []
"""
ACTOR = Actor(5, "ann")
READER: Any = object()


class OnInSetOne:
    """The plugin ``p`` is on in image set 1 and nowhere else."""

    def epoch(self) -> int:
        return 1

    def rows(self, image_set_id: int) -> tuple[int, list[ActivationRow]]:
        return 1, [ActivationRow("p", True)] if image_set_id == 1 else []


@pytest.fixture
def start(fakes: FakeDistributions, kernel_of: Callable[..., Kernel]) -> Callable[[str], Kernel]:
    """``start(source)`` loads the plugin ``p``."""

    def make(source: str, **more: Any) -> Kernel:
        fakes.add("p", HEAD + source)
        kernel = kernel_of(activation_store=OnInSetOne(), **more)
        assert kernel.records["p"].reason == ""
        return kernel

    return make


def heard(kernel: Kernel) -> list[Any]:
    return kernel.records["p"].module.heard  # type: ignore[attr-defined]


def annotation(image_set_id: int, number: int) -> AnnotationChange:
    return AnnotationChange(AnnotationAction.CREATED, image_set_id, 3, number, f"u{number}", 9, None, None)


def test_exact_cli_fills_the_group_of_the_plugin(start: Callable[[str], Kernel]) -> None:
    kernel = start("""
    import click
    @hookimpl
    def exact_cli(group):
        group.add_command(click.Command("train"))
    """)
    group = click.Group("p")
    kernel.hooks.cli("p", group)
    assert list(group.commands) == ["train"]


def test_exact_startup_and_exact_shutdown_hand_over_the_plugins_own_context(start: Callable[..., Kernel]) -> None:
    kernel = start(
        """
    @hookimpl
    def exact_startup(context): heard.append(("up", context))
    @hookimpl
    def exact_shutdown(context): heard.append(("down", context))
    """,
        context_for=lambda name: f"context of {name}",
    )
    kernel.startup()
    kernel.shutdown()
    assert heard(kernel) == [("up", "context of p"), ("down", "context of p")]


def test_exact_image_sources_are_sorted_by_priority_and_wrong_answers_recorded(
    start: Callable[[str], Kernel], fakes: FakeDistributions
) -> None:
    best = "@hookimpl\n    def exact_image_sources(head): return SourceMatch('best', Priority.NATIVE)"
    fakes.add("z", HEAD + "    " + best)
    fakes.add("wrong", HEAD + "\n    @hookimpl\n    def exact_image_sources(): return 'tiff'")
    kernel = start("""
    @hookimpl
    def exact_image_sources(path, head):
        return SourceMatch("own", Priority.BASIC) if path.suffix == ".own" and head == b"magic" else None
    """)
    found = kernel.hooks.image_sources(Path("a.own"), b"magic")
    assert [(plugin, match.driver) for plugin, match in found] == [("z", "best"), ("p", "own")]
    assert [fault.message for fault in kernel.faults.recent()] == ["TypeError: answered str, not SourceMatch"]


def test_exact_tile_rendered_changes_tiles_of_its_image_set_only(start: Callable[[str], Kernel]) -> None:
    kernel = start("""
    @hookimpl
    def exact_tile_rendered(tile, request):
        return RenderedTile(tile.data + request.frame.encode(), "image/png")
    """)
    tile = RenderedTile(b"pixels-")
    changed = kernel.hooks.tile_rendered(tile, TileRequest(3, 1, "0.0.rgb", 0, 0, 0))
    assert changed == RenderedTile(b"pixels-0.0.rgb", "image/png")
    assert kernel.hooks.tile_rendered(tile, TileRequest(3, 2, "0.0.rgb", 0, 0, 0)) is tile
    assert (kernel.hooks.tile_key(1) != "", kernel.hooks.tile_key(2)) == (True, "")


def test_exact_overlays_with_an_address_outside_of_the_plugin_are_left_out(start: Callable[[str], Kernel]) -> None:
    kernel = start("""
    @hookimpl
    def exact_overlays(image):
        urls = [f"images/{image.id}/map.png?q=a:b", "/api/v2/users", "../x", "https://elsewhere/x.png"]
        return [Overlay(f"p.{n}", "Map", url) for n, url in enumerate(urls)]
    """)
    found = kernel.hooks.overlays(ImageInfo(4, 1, "n", 10, 10))
    assert [(plugin, overlay.url) for plugin, overlay in found] == [("p", "images/4/map.png?q=a:b")]
    assert len(kernel.faults.recent("p")) == 3
    assert kernel.hooks.overlays(ImageInfo(4, 2, "n", 10, 10)) == []


@pytest.mark.parametrize("subject", ["annotations", "images"])
def test_changing_and_changed_hear_only_of_the_sets_where_the_plugin_is_on(
    start: Callable[[str], Kernel], database: Database, subject: str
) -> None:
    kernel = start(f"""
    @hookimpl
    def exact_{subject}_changing(session, changes, actor): heard.append((len(session.info), changes, actor.name))
    @hookimpl
    def exact_{subject}_changed(changes): heard.append(changes)
    """)
    image = ImageChange(ImageAction.ADDED, 1, 3, "public")
    own = (annotation(1, 1), annotation(1, 3)) if subject == "annotations" else (image,)
    foreign = annotation(2, 2) if subject == "annotations" else ImageChange(ImageAction.ADDED, 2, 3, "public")
    changes = [own[0], foreign, *own[1:]]
    with database.write() as session:
        getattr(kernel.hooks, f"{subject}_changing")(session, changes, ACTOR)
    getattr(kernel.hooks, f"{subject}_changed")(changes)
    assert [each[-2] if len(each) == 3 else each for each in heard(kernel)] == [own, own]


def test_exact_activation_changing_asks_the_plugin_that_is_switched(
    start: Callable[[str], Kernel], database: Database
) -> None:
    kernel = start("""
    @hookimpl
    def exact_activation_changing(image_set_id, enabled, settings, actor):
        if not enabled: raise Refused("there is a running job")
        heard.append((image_set_id, settings, actor.name))
    """)
    values: dict[str, Any] = {"image_set_id": 6, "settings": None, "actor": ACTOR}
    with database.write() as session:
        kernel.hooks.activation_changing("p", session, enabled=True, **values)
        with pytest.raises(Refused, match="running job"):
            kernel.hooks.activation_changing("p", session, enabled=False, **values)
        session.rollback()
    assert heard(kernel) == [(6, None, "ann")]


def version(image_set_id: int) -> VersionRecord:
    return VersionRecord(7, image_set_id, "first", "", 12, "", (3,))


def test_exact_version_creating_gives_files_and_can_refuse(start: Callable[[str], Kernel], database: Database) -> None:
    kernel = start("""
    @hookimpl
    def exact_version_creating(session, version, reader):
        heard.append(reader)
        if version.name != "first": raise Refused("the screening is not done")
        return [Artefact("coverage.json", b"{}", ArtefactKind.METRICS, "application/json"), "wrong"]
    """)
    with database.write() as session:
        found = kernel.hooks.version_creating(session, version(1), READER)
        assert [(plugin, each.name, each.content) for plugin, each in found] == [("p", "coverage.json", b"{}")]
        assert kernel.hooks.version_creating(session, version(2), READER) == []
        with pytest.raises(Refused, match="not done"):
            kernel.hooks.version_creating(session, VersionRecord(8, 1, "second", "", 12, "", ()), READER)
        session.rollback()
    assert heard(kernel) == [READER, READER]
    assert [fault.place for fault in kernel.faults.recent("p")] == ["exact_version_creating"]


def test_exact_version_creating_keeps_no_file_of_a_plugin_that_fails(
    start: Callable[[str], Kernel], database: Database
) -> None:
    kernel = start("""
    @hookimpl
    def exact_version_creating(session):
        session.connection().exec_driver_sql("SELECT nonsense FROM nowhere")
        return [Artefact("a", b"")]
    """)
    with database.write() as session:
        assert kernel.hooks.version_creating(session, version(1), READER) == []
    assert len(kernel.faults.recent("p")) == 1


def test_exact_version_created_is_told_where_the_plugin_is_on(start: Callable[[str], Kernel]) -> None:
    kernel = start("""
    @hookimpl
    def exact_version_created(version): heard.append(version)
    """)
    kernel.hooks.version_created(version(1))
    kernel.hooks.version_created(version(2))
    assert heard(kernel) == [version(1)]


def test_exact_job_finished_is_told_for_jobs_of_its_image_set(start: Callable[[str], Kernel]) -> None:
    kernel = start("""
    @hookimpl
    def exact_job_finished(result): heard.append(result.job_id)
    """)
    for number, image_set_id in enumerate((1, 2, None)):
        kernel.hooks.job_finished(JobResult(number, "p.count", JobState.DONE, image_set_id))
    assert heard(kernel) == [0]


def test_exact_statistics_are_given_region_reader_session_and_settings(start: Callable[[str], Kernel]) -> None:
    kernel = start("""
    @hookimpl
    def exact_statistics(session, region, reader, settings):
        return [Statistic("p.n", "Cells", reader.count_by_type(region)["cell"]), "wrong"]
    """)

    class Reader:
        def count_by_type(self, region: Region) -> dict[str, int]:
            return {"cell": region.x1}

    region = Region.whole(ImageInfo(4, 1, "n", 640, 480))
    found = kernel.hooks.statistics(None, region, Reader())  # type: ignore[arg-type]
    assert [(plugin, each.value) for plugin, each in found] == [("p", 640)]
    assert [fault.place for fault in kernel.faults.recent("p")] == ["exact_statistics"]


def test_contribution_hooks_fill_the_index(start: Callable[[str], Kernel], fakes: FakeDistributions) -> None:
    static = fakes.folder / "exact_p" / "static"
    static.mkdir(parents=True)
    (static / "index.js").write_text("export default () => {};")
    kernel = start("""
    from fastapi import APIRouter
    from sqlalchemy import Column, Integer, MetaData, Table
    metadata = MetaData()
    Table("p_visit", metadata, Column("id", Integer, primary_key=True))
    router = APIRouter()
    router.add_api_route("/count", lambda: 1)

    @hookimpl
    def exact_plugin_info(): return PluginInfo("Full", requires=())
    @hookimpl
    def exact_routers(): return [PluginRouter(router), PluginRouter(router, Scope.INSTANCE)]
    @hookimpl
    def exact_schema(): return PluginSchema(metadata, "exact_p")
    @hookimpl
    def exact_frontend(): return Frontend(panels=(Panel("p.main", "Main", Slot.VIEWER_LEFT),))
    @hookimpl
    def exact_permissions(): return [Permission("p.reset", "Reset", (Role.REVIEWER,))]
    @hookimpl
    def exact_job_types(): return (JobType("count", "Count", "exact_p.plugin:run"),)
    @hookimpl
    def exact_models(): return [ModelCard("nuclei", "Nuclei", ModelTask.DETECTION, "p-nuclei", is_built_in=True)]
    @hookimpl
    def exact_importers(): return [Importer("p.text", "Text", "exact_p.plugin:read")]
    @hookimpl
    def exact_exporters(): return [Exporter("p.text", "Text", "exact_p.plugin:write", ".txt")]
    @hookimpl
    def exact_search_fields(): return [SearchField("p.loud", SearchKind.BOOLEAN, lambda row, _: row.type_id == 1)]
    """)
    index = kernel.index
    assert [router.scope.value for _, router in index.routers()] == ["image_set", "instance"]
    assert [plugin for plugin, _ in index.schemas()] == ["p"]
    assert index.frontends()[0][1].panels[0].id == "p.main"
    assert index.permission("p.reset").granted_to == ("reviewer",)
    assert [(plugin, each.name) for plugin, each in index.job_types()] == [("p", "count")]
    assert [(plugin, each.driver) for plugin, each in index.models()] == [("p", "p-nuclei")]
    assert [(plugin, each.name) for plugin, each in index.importers()] == [("p", "p.text")]
    assert [(plugin, each.extension) for plugin, each in index.exporters()] == [("p", ".txt")]
    assert [(plugin, each.name) for plugin, each in index.search_fields()] == [("p", "p.loud")]
    assert kernel.records["p"].title == "Full"
