"""Screening a real slide in a real browser: tissue only, by keys, left and come back to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from exact_core.activation.service import change_switch
from exact_core.api.context import Actor
from exact_core.kernel import Kernel
from exact_core.kernel.discovery import discover
from exact_core.settings import Settings
from exact_core.storage import migrate
from exact_core.storage.database import Database
from tests.browser.profiles import Profiles, ask
from tests.browser.viewer_instance import Instance, running

pytestmark = [pytest.mark.browser, pytest.mark.data, pytest.mark.xdist_group("screening")]


@pytest.fixture(scope="module")
def instance(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """One real slide in an image set in which screening is on."""
    folder = tmp_path_factory.mktemp("screening")
    settings = Settings(data_dir=folder / "data", secret_key="screening-test-" + "0" * 32)
    settings.data_dir.mkdir()
    candidates = tuple(each for each in discover() if each.name == "screening")
    database = Database(settings.effective_database_url)
    migrate.upgrade(database, migrate.plugin_schemas(Kernel(candidates=candidates).index.schemas()))
    database.dispose()
    with running(settings, [shared_data / "01-wsi" / "CMU-1-Small-Region.svs"], candidates) as made:
        services = made.services
        change_switch(
            services.database,
            services.kernel,
            Actor.system(),
            made.image_set_id,
            "screening",
            enabled=True,
            settings={"field_width": 200, "field_height": 150},
        )
        yield made


def opened(page: Page, instance: Instance) -> None:
    page.goto(instance.viewer())
    expect(page.locator("#stage-state")).to_be_hidden(timeout=30_000)
    expect(page.get_by_test_id("screening")).to_be_visible(timeout=15_000)


def zoom_of(page: Page) -> float:
    page.wait_for_timeout(700)  # the picture comes to rest, and the address follows
    return float(page.url.partition("zoom=")[2].partition("&")[0])


def test_a_slide_is_screened_by_keys_left_and_come_back_to(profiles: Profiles, instance: Instance) -> None:
    page, token = profiles.page(instance)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    opened(page, instance)
    page.get_by_test_id("screening-start").click()  # everything as the image set suggests: tissue only
    field, progress = page.get_by_test_id("screening-field"), page.get_by_test_id("screening-progress")
    expect(field).to_contain_text("Field 1 of ", timeout=15_000)

    route = f"/image-sets/{instance.image_set_id}/plugins/screening/images/{instance.image_ids[0]}"
    began = ask(page, instance, token, "GET", f"{route}/state")["screening"]
    grid = began["grid"]
    assert 0 < began["total"] < grid["columns"] * grid["rows"]  # glass was left out
    stage = page.locator("#stage").bounding_box()
    assert stage is not None
    fits = min(stage["width"] / grid["width"], stage["height"] / grid["height"])
    assert zoom_of(page) == pytest.approx(fits, rel=0.02)

    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(progress).to_contain_text("2 seen")
    expect(field).to_contain_text("Field 3 of ")
    page.keyboard.press("s")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("w")
    page.keyboard.press("Space")
    page.keyboard.press("u")
    expect(progress).to_contain_text("2 seen")
    here = field.inner_text()
    page.keyboard.press("c")
    page.keyboard.press("b")
    page.keyboard.press("b")
    expect(page.locator(".screening-slide svg[data-field] .screening-frame")).to_be_attached()

    page.reload()  # goes on by itself
    expect(field).not_to_be_empty(timeout=15_000)
    there = field.inner_text()
    assert there != here
    page.get_by_test_id("screening-pause").click()
    expect(page.locator(".screening-slide svg[data-field]")).to_have_count(0)
    opened(page, instance)
    again = page.get_by_test_id("screening-continue")
    expect(again).to_contain_text(there.replace("Field", "field"), timeout=15_000)
    again.click()
    expect(field).to_have_text(there)
    assert zoom_of(page) == pytest.approx(fits, rel=0.02)
    painted = """() => {
      const canvas = document.querySelector('.screening-overview canvas');
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return data.some((value, at) => at % 4 === 3 && value > 0);
    }"""
    assert page.evaluate(painted)

    toggle = page.get_by_label("Screen this image")
    toggle.click()
    expect(again).to_be_visible()
    toggle.click()
    page.keyboard.press("Space")
    expect(progress).to_contain_text("3 seen")
    page.get_by_text("What I have really seen").click()
    expect(page.get_by_text("From what your screen showed")).to_be_visible()
    state = ask(page, instance, token, "GET", f"{route}/state")["screening"]
    assert (state["done"], state["number"]) == (3, 1)
    assert state["seconds"] > 0
    assert errors == []
