"""Sounds in the viewer: a killer whale's call from a map of spectrograms, clicked and heard."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from exact_core.activation.service import change_switch
from exact_core.api.context import Actor
from exact_core.jobs.runner import JobRunner
from exact_core.kernel.discovery import discover
from exact_core.settings import Settings
from exact_core.storage import migrate
from exact_core.storage.database import Database
from exact_core.storage.models import Job
from tests.browser.console import listen
from tests.browser.desk import PIXEL
from tests.browser.viewer_instance import Instance, running

pytestmark = [pytest.mark.browser, pytest.mark.data, pytest.mark.xdist_group("media page")]
tables = pytest.importorskip("exact_media.tables")

CALLS = ("S_4.wav", "S_7.wav", "S_19.wav")
TABLE = "file,start,end,label\nS_4.wav,0,0.85,S4\nS_7.wav,0,1.15,S7\nS_19.wav,0,0.7,S19\n"
PLAYS = "() => { const a = document.querySelector('.media-player audio'); return a && !a.paused && a.currentTime > 0; }"
DROP = """(panel, encoded) => {
  const text = atob(encoded);
  const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], 'dropped.png', { type: 'image/png' }));
  for (const name of ['dragenter', 'dragover', 'drop']) {
    panel.dispatchEvent(new DragEvent(name, { dataTransfer, bubbles: true, cancelable: true }));
  }
}"""


@contextmanager
def whale_map(folder: Path, calls: Path) -> Iterator[Instance]:
    """An instance whose image set holds a map of three real calls."""
    recordings = folder / "recordings"
    recordings.mkdir()
    for name in CALLS:
        shutil.copyfile(calls / name, recordings / name)
    (recordings / "calls.csv").write_text(TABLE)
    settings = Settings(data_dir=folder / "data", secret_key="media-test-" + "0" * 32)
    settings.data_dir.mkdir()
    candidates = tuple(each for each in discover() if each.name == "media")
    database = Database(settings.effective_database_url)
    schema = migrate.plugin_schema("media", tables.Base.metadata, "exact_media.migrations")
    migrate.upgrade(database, [schema])
    database.dispose()
    with running(settings, [], candidates) as instance:
        services, system = instance.services, Actor.system()
        change_switch(services.database, services.kernel, system, instance.image_set_id, "media", enabled=True)
        params = {"folder": str(recordings), "name": "Calls"}
        with services.database.write() as session:
            asked = {"image_set_id": instance.image_set_id, "params": params}
            job = services.jobs.enqueue(session, "media.map", owner=system, **asked).id
        JobRunner(services).run_waiting()
        with services.database.read() as session:
            done = session.get_one(Job, job)
            assert done.state == "done", done.message
            assert done.result["segments"] == 3
            instance.image_ids.append(done.result["image_id"])
        yield instance


@pytest.fixture(scope="module")
def instance(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    calls = shared_data / "06-sounds" / "orca-calls" / "wav"
    if not calls.is_dir():
        pytest.skip("the recordings of killer whales are not in the folder with real data")
    with whale_map(tmp_path_factory.mktemp("media"), calls) as instance:
        yield instance


def open_map(browser: Browser, instance: Instance) -> tuple[Page, list[str]]:
    """The page of the map, with the first call (S19) in view, and what it complains about."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    instance.log_in(context)
    page = context.new_page()
    said = listen(page)
    page.goto(instance.viewer() + "#x=86&y=128&zoom=2")
    expect(page.locator("#stage-state")).to_be_hidden(timeout=30_000)
    expect(page.get_by_text("3 shapes with something to play.")).to_be_visible()
    return page, said


def click_call(page: Page, x: float = 0, y: float = 0) -> None:
    box = page.locator("#stage").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2 + x, box["y"] + box["height"] / 2 + y)


def audio(page: Page, what: str) -> Any:
    return page.evaluate(f"() => {{ const a = document.querySelector('.media-player audio'); return a && a.{what}; }}")


def test_a_killer_whale_is_heard_when_its_spectrogram_is_clicked(browser: Browser, instance: Instance) -> None:
    page, said = open_map(browser, instance)
    page.get_by_label("Then go on with the next shape").check()
    click_call(page)
    page.wait_for_function(PLAYS)
    panel = page.locator("[data-panel='media.annotation']")
    expect(panel).to_contain_text("S_19 0.00-0.70 s")
    first = audio(page, "src")
    expect(page.locator(".media-line")).to_have_count(1)

    # Waveform and spectrogram are there, and a click in them goes to that place.
    wave = page.locator(".media-player__wave canvas").first
    expect(wave).to_be_visible()
    expect(page.locator(".media-player__drawing .icon--spin")).to_have_count(0)

    # The next shape follows by itself, is selected and plays.
    page.wait_for_function(f"() => document.querySelector('.media-player audio')?.src !== {first!r}")
    page.wait_for_function(PLAYS)

    # Space in the player pauses, and again goes on; the slide's own meaning of space is not touched.
    player = page.locator(".media-player")
    player.focus()
    page.keyboard.press("Space")
    assert audio(page, "paused")
    page.get_by_label("Then go on with the next shape").uncheck()
    box = page.locator(".media-player__wave").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + 20)
    assert audio(page, "currentTime / document.querySelector('.media-player audio').duration") == pytest.approx(
        0.5, abs=0.05
    )
    player.focus()
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    page.wait_for_function(PLAYS)

    # Attaching another file by the button, and a refusal in its place.
    chooser = panel.locator("input[type=file]")
    chooser.set_input_files({"name": "page.svg", "mimeType": "image/svg+xml", "buffer": b"<svg onload='alert(1)'/>"})
    expect(panel.get_by_text("This is not a file that can be attached.")).to_be_visible()
    panel.get_by_label("Dismiss the message about page.svg").click()
    sound = next(instance.services.settings.data_dir.glob("plugins/media/files/*/*")).read_bytes()
    chooser.set_input_files({"name": "second.wav", "mimeType": "audio/wav", "buffer": sound})
    expect(panel.locator(".media-item")).to_have_count(2)
    expect(panel.get_by_text("The name ends with .wav, but the content is a FLAC sound")).to_be_visible()

    # Dropping a file on the panel attaches it too.
    panel.locator(".media").evaluate(DROP, base64.b64encode(PIXEL).decode())
    expect(panel.get_by_label("Show dropped.png")).to_be_visible()
    panel.get_by_label("Show dropped.png").click()
    page.wait_for_function("() => document.querySelector('.media-player__picture')?.naturalWidth === 1")

    # Switched off meanwhile: the player says so in its own place.
    change_switch(
        instance.services.database,
        instance.services.kernel,
        Actor.system(),
        instance.image_set_id,
        "media",
        enabled=False,
    )
    panel.get_by_label("Play second.wav").click()
    expect(page.locator(".media-player__message")).to_contain_text("is not enabled here")
    change_switch(
        instance.services.database,
        instance.services.kernel,
        Actor.system(),
        instance.image_set_id,
        "media",
        enabled=True,
    )

    # The tab of the image set counts; maps are for administrators, and Ann is none.
    page.goto(f"{instance.address}/image-sets/{instance.image_set_id}/media.set")
    expect(page.get_by_text("4 sounds")).to_be_visible()
    expect(page.get_by_text("1 picture")).to_be_visible()
    expect(page.get_by_text("Map of spectrograms")).to_have_count(0)
    assert [line for line in said if "404" not in line and "422" not in line] == []
    page.context.close()
