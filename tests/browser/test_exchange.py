"""Bringing annotations in and out in a real browser: preview, import, undo, export, a template, and the viewer."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from exact_core.jobs.helping import helping_worker
from exact_core.settings import Settings
from exact_core.storage import migrate
from exact_core.storage.database import Database
from tests.browser.console import listen
from tests.browser.test_pages import UNNAMED, picture
from tests.browser.viewer_instance import Instance, running

pytestmark = pytest.mark.browser
WAIT = 60_000  # the machine may be busy


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """A running instance with two pictures and a worker."""
    folder = tmp_path_factory.mktemp("exchange")
    pictures = folder / "pictures"
    pictures.mkdir()
    for number, color in enumerate([(200, 120, 150), (120, 90, 170)]):
        (pictures / f"field-{number}.png").write_bytes(picture(color))
    settings = Settings(data_dir=folder / "data", secret_key="test-secret-" + "0" * 32)
    settings.data_dir.mkdir()
    database = Database(settings.effective_database_url)
    migrate.upgrade(database)
    database.dispose()
    with running(settings, [pictures]) as made, helping_worker(made.services):
        yield made


def shapes(*labels: str) -> bytes:
    """Boxes side by side."""
    features = []
    for place, label in enumerate(labels):
        x = 20 + 60 * place
        ring = [[x, 20], [x + 40, 20], [x + 40, 60.5], [x, 60.5], [x, 20]]
        features.append(
            {
                "type": "Feature",
                "geometry": {"type": "Polygon", "coordinates": [ring]},
                "properties": {"classification": {"name": label}},
            }
        )
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


def look(page: Page, name: str) -> None:
    """A picture for who develops, in both looks and sizes, where asked for."""
    folder = os.environ.get("EXACT_PICTURES")
    if folder:
        page.wait_for_timeout(300)
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_annotations_come_in_go_out_and_are_taken_back(instance: Instance, browser: Browser) -> None:
    scheme = os.environ.get("EXACT_SCHEME", "light")
    width, height = map(int, os.environ.get("EXACT_SIZE", "1440x900").split("x"))
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        accept_downloads=True,  # type: ignore[arg-type]
    )
    context.set_default_timeout(WAIT)
    expect.set_options(timeout=WAIT)
    page = context.new_page()
    problems = listen(page)
    page.on("pageerror", lambda error: problems.append(str(error)))
    instance.log_in(context)
    page.goto(f"{instance.address}/image-sets/{instance.image_set_id}/exchange")
    expect(page.get_by_text("Nothing imported yet")).to_be_visible()
    look(page, "1-empty")

    # a file without an image: the preview says so, and the choice mends it
    page.get_by_role("button", name="Import annotations").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Drop a file of annotations here")).to_be_visible()
    look(page, "2-drop")
    file = {"name": "cells.geojson", "mimeType": "application/json", "buffer": shapes("Mitotic figure", "Newt")}
    dialog.locator("input[type=file]").set_input_files(file)  # type: ignore[arg-type]
    expect(dialog.get_by_text("import it for one image")).to_be_visible()
    dialog.get_by_text("More choices").click()
    dialog.get_by_label("Image", exact=True).select_option(index=1)
    dialog.get_by_role("button", name="Look again").click()
    expect(dialog.get_by_text("One label of the file has no annotation type")).to_be_visible()
    look(page, "3-preview")
    expect(dialog.get_by_role("button", name="Import 1")).to_be_disabled()
    dialog.get_by_label("Type for Newt").select_option(label="Mitotic figure")
    dialog.get_by_role("button", name="Look again").click()
    expect(dialog.get_by_role("button", name="Import 2")).to_be_enabled()
    look(page, "4-ready")
    assert page.evaluate(UNNAMED) == []
    dialog.get_by_role("button", name="Import 2").click()
    expect(dialog.get_by_text("2 added")).to_be_visible()
    look(page, "5-done")
    dialog.get_by_role("button", name="Close").last.click()
    assert instance.live_shapes() == {2: 2}

    # what cannot be read is told, and discarded
    page.get_by_role("button", name="Import annotations").click()
    dialog.locator("input[type=file]").set_input_files(
        {"name": "notes.bin", "mimeType": "application/octet-stream", "buffer": b"\0\1\2"}  # type: ignore[arg-type]
    )
    expect(dialog.get_by_text("is not recognised")).to_be_visible()
    look(page, "6-failed")
    dialog.get_by_role("button", name="Discard").click()
    expect(dialog.get_by_text("Drop a file of annotations here")).to_be_visible()
    page.keyboard.press("Escape")

    # an export, with its report
    page.get_by_role("button", name="Export annotations").click()
    dialog.get_by_label("Format").select_option(label="YOLO")
    look(page, "7-export")
    dialog.get_by_role("button", name="Write the file").click()
    with page.expect_download() as download:
        dialog.get_by_role("link", name="Save the file").click()
    assert Path(download.value.path()).read_bytes().startswith(b"PK")
    look(page, "8-written")
    dialog.get_by_role("button", name="Close").last.click()

    # a template, with a mistake first
    page.get_by_role("button", name="New template").click()
    page.get_by_label("Name", exact=True).fill("Lines")
    expect(page.locator(".template-shown")).to_contain_text("Mitotic figure")
    body = page.get_by_label("For each annotation")
    body.fill("{{ annotation.label }}\n{{ annotation.nothing }}\n")
    expect(page.get_by_text("For each annotation, line 2: there is no 'nothing' here")).to_be_visible()
    look(page, "9-mistake")
    body.fill("{{ number }},{{ annotation.label }}\n")
    expect(page.locator(".template-shown")).to_contain_text("2,Mitotic figure")
    look(page, "10-template")
    assert page.evaluate(UNNAMED) == []
    page.get_by_role("button", name="Make the template").click()
    expect(page.get_by_text("Lines is saved.")).to_be_visible()
    look(page, "11-list")

    # in the viewer: only this image, and taking it back
    page.goto(instance.viewer(1))
    page.locator("#exchange").click()
    page.get_by_role("menuitem", name="Import annotations").click()
    file = {"name": "more.geojson", "mimeType": "application/json", "buffer": shapes("Mitotic figure")}
    dialog.locator("input[type=file]").set_input_files(file)  # type: ignore[arg-type]
    dialog.get_by_role("button", name="Import 1").click()
    expect(dialog.get_by_text("1 added")).to_be_visible()
    look(page, "12-viewer")
    assert instance.live_shapes() == {2: 3}
    dialog.get_by_role("button", name="Take it back").click()
    expect(dialog.get_by_text("1 annotation set back")).to_be_visible()
    look(page, "13-undone")
    assert instance.live_shapes() == {2: 2}
    page.keyboard.press("Escape")
    page.locator("#exchange").click()
    page.get_by_role("menuitem", name="Export annotations").click()
    dialog.get_by_label("Format").select_option(label="Template: Lines")
    dialog.get_by_role("button", name="Write the file").click()
    with page.expect_download() as download:
        dialog.get_by_role("link", name="Save the file").click()
    assert Path(download.value.path()).read_text() == "image,label,x,y,text\n"
    assert problems == []
    context.close()
