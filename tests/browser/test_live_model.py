"""A model in the browser: on the slide, under the annotations, and with the numbers that Python gets."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from exact_sdk.ml.preprocess import Preprocess
from exact_sdk.ml.stitching import starts, window_weights
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, expect

from exact_core.settings import Settings
from exact_core.storage import migrate
from exact_core.storage.database import Database
from exact_core.storage.epochs import raise_epoch
from exact_core.storage.models import ImageSet
from tests.browser.model_upload import upload
from tests.browser.networks import Network, nuclei_network
from tests.browser.profiles import Profiles
from tests.browser.viewer_instance import Instance, running

pytestmark = [pytest.mark.browser, pytest.mark.data, pytest.mark.xdist_group("live-model")]

VIEW = "#x=1100&y=1500&zoom=1.5"
FIELD = (900, 1300, 1220, 1560)

_FIELD_OF = """async ({ image, address, bounds }) => {
  const base = document.querySelector('script[src*="viewer/index.js"]').src.split('viewer/')[0];
  const { ModelWorker } = await import(`${base}inference/model_worker.js`);
  const facts = await (await fetch(`/api/v2/images/${image}/slide-information`)).json();
  const seen = await new Promise((resolve, reject) => {
    const worker = new ModelWorker(address, (message) => {
      if (message.kind === 'failed') reject(new Error(message.message));
      if (message.kind === 'opened') {
        const { levels, mpp_x } = facts;
        worker.look({ image: { id: image, content_version: '', levels, mpp_x }, frame: '0.0.rgb', bounds });
      }
      if (message.kind === 'field' && message.isWhole) resolve(message);
    });
  });
  const { width, height, x, y, scale, values } = seen.field;
  const bytes = new Uint8Array(values.buffer);
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return { width, height, x, y, scale, values: btoa(text) };
}"""


@pytest.fixture(scope="module")
def lab(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """A slide and two models, of which browsers can run one."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("live"), secret_key="live-model-test-" + "0" * 32)
    database = Database(settings.effective_database_url)
    migrate.upgrade(database)
    database.dispose()
    with running(settings, [shared_data / "01-wsi" / "CMU-1-Small-Region.svs"]) as instance:
        upload(instance, "Nuclei by stain", nuclei_network())
        upload(instance, "For the server", None)
        yield instance


@pytest.fixture
def page(profiles: Profiles, lab: Instance) -> Iterator[Page]:
    page, _ = profiles.page(lab)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(lab.viewer() + VIEW)
    expect(page.locator("#stage-state")).to_be_hidden(timeout=30_000)
    page.locator("[data-fold=live] summary").click()
    yield page
    assert errors == []


def run_here(page: Page) -> None:
    page.select_option("#live-choice", label="Nuclei by stain")
    page.get_by_role("button", name="Run here").click()
    settled(page)


def settled(page: Page) -> None:
    expect(page.locator("[data-live=facts]")).to_contain_text("threads", timeout=30_000)
    expect(page.locator(".live")).to_have_attribute("aria-busy", "false", timeout=30_000)


def coloured(page: Page) -> int:
    """How many pixels of the newest field have a colour."""
    script = """() => {
      const canvas = [...document.querySelectorAll('.heat__field')].at(-1);
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return data.filter((value, index) => index % 4 === 3 && value > 0).length;
    }"""
    found: int = page.evaluate(script)
    return found


def test_a_model_runs_on_the_view_and_its_overlay_follows_threshold_classes_and_the_slide(page: Page) -> None:
    assert page.evaluate("crossOriginIsolated") is True
    run_here(page)
    at_half = coloured(page)
    assert at_half > 1000
    page.locator("#live-threshold").fill("0.95")
    assert 0 < coloured(page) < at_half
    page.get_by_label("nucleus").uncheck()
    assert coloured(page) == 0
    page.get_by_label("nucleus").check()
    page.get_by_label("Mark objects").check()
    expect(page.locator("[data-live=objects]")).to_contain_text("objects in view")
    assert int(page.locator("[data-live=objects]").inner_text().split()[0]) > 10

    before = page.locator(".heat__field").bounding_box()
    box = page.locator("#stage").bounding_box()
    assert before is not None
    assert box is not None
    page.mouse.move(box["x"] + 500, box["y"] + 400)
    page.mouse.down()
    page.mouse.move(box["x"] + 380, box["y"] + 330, steps=4)
    page.mouse.up()
    page.wait_for_function(
        "(left) => document.querySelector('.heat__field').getBoundingClientRect().x < left - 60", arg=before["x"]
    )
    after = page.locator(".heat__field").bounding_box()
    assert after is not None
    assert (after["x"] - before["x"], after["y"] - before["y"]) == (
        pytest.approx(-120, abs=2),
        pytest.approx(-70, abs=2),
    )


def test_live_follows_the_view_and_computes_only_what_is_new(page: Page) -> None:
    page.select_option("#live-choice", label="Nuclei by stain")
    page.get_by_label("Live", exact=True).check()
    settled(page)
    expect(page.locator(".live__state")).to_have_text("live")
    whole = page.locator("[data-live=facts]").inner_text()
    page.mouse.move(600, 400)
    page.mouse.wheel(0, -240)
    expect(page.locator("[data-live=facts]")).not_to_have_text(whole, timeout=15_000)
    expect(page.locator("[data-live=facts]")).to_contain_text("known already", timeout=15_000)
    page.keyboard.press("0")  # the whole image: more than a browser takes
    expect(page.locator(".live__failure")).to_contain_text("Zoom in", timeout=15_000)
    page.get_by_role("button", name="Zoom in", exact=True).last.click()
    expect(page.locator(".live__failure")).to_have_count(0, timeout=15_000)
    settled(page)


def test_a_model_without_a_network_for_browsers_is_offered_to_the_server_only(page: Page) -> None:
    page.select_option("#live-choice", label="For the server (server only)")
    expect(page.get_by_role("button", name="Run on the server")).to_be_visible()
    expect(page.get_by_role("button", name="Run here")).to_have_count(0)


def test_blind_readers_have_no_model_that_tells_them_what_it_sees(profiles: Profiles, lab: Instance) -> None:
    def set_mode(mode: str) -> None:
        with lab.services.database.write() as session:
            session.get_one(ImageSet, lab.image_set_id).mode = mode
            raise_epoch(session, "access")

    set_mode("competitive")
    try:
        for name, has_panel in (("ben", False), ("ann", True)):  # an annotator, and who manages the set
            page, _ = profiles.page(lab, name)
            page.goto(lab.viewer())
            expect(page.locator("#stage-state")).to_be_hidden(timeout=30_000)
            expect(page.locator("#types")).to_be_visible()
            assert page.locator("#live-model").is_visible() is has_panel
    finally:
        set_mode("cooperative")


def test_the_browsers_numbers_are_those_of_python(page: Page, lab: Instance) -> None:
    network = nuclei_network()
    models = page.evaluate("fetch('/api/v2/models').then((answer) => answer.json())")["items"]
    uuid = next(model["uuid"] for model in models if model["name"] == "Nuclei by stain")
    asked = {"image": lab.image_ids[0], "address": f"/api/v2/models/{uuid}/files/onnx", "bounds": FIELD}
    found = page.evaluate(_FIELD_OF, asked)
    assert (found["x"], found["y"], found["scale"]) == (FIELD[0], FIELD[1], 1)
    values = np.frombuffer(base64.b64decode(found["values"]), np.float32)
    browser = values.reshape(2, found["height"], found["width"])
    assert browser.std() > 0.1
    assert np.abs(browser - _by_python(page, lab, network)).max() <= 1e-3


def _by_python(page: Page, lab: Instance, network: Network) -> NDArray[np.float32]:
    """The field by onnxruntime and the toolkit, from the same tiles of the server, decoded by Pillow."""
    contract = Preprocess.of_json(network.preprocess)
    slide = _whole_image(page, lab)
    height, width = slide.shape[:2]
    session = onnxruntime.InferenceSession(network.model, providers=["CPUExecutionProvider"])
    x0, y0, x1, y1 = FIELD
    sums, weights = np.zeros((2, height, width), np.float32), np.zeros((height, width), np.float32)
    window = window_weights(contract.tile, contract.tile, contract.window)
    for y in starts(height, contract.tile, contract.step):
        for x in starts(width, contract.tile, contract.step):
            if x + contract.tile <= x0 or x >= x1 or y + contract.tile <= y0 or y >= y1:
                continue
            place = slice(y, y + contract.tile), slice(x, x + contract.tile)
            [logits] = session.run(None, {"image": contract.prepare(slide[place])[None]})
            sums[:, place[0], place[1]] += contract.probabilities(logits)[0] * window
            weights[place] += window
    return sums[:, y0:y1, x0:x1] / weights[y0:y1, x0:x1]


def _whole_image(page: Page, lab: Instance) -> NDArray[np.uint8]:
    image = lab.image_ids[0]
    facts = page.request.get(f"{lab.address}/api/v2/images/{image}/slide-information").json()
    level = next(one for one in facts["levels"] if one["index"] == 0)
    whole = Image.new("RGB", (level["width"], level["height"]))
    for row in range(level["rows"]):
        for column in range(level["columns"]):
            tile = page.request.get(f"{lab.address}/api/v2/images/{image}/tiles/0.0.rgb/0/{column}_{row}")
            picture = Image.open(io.BytesIO(tile.body()))
            whole.paste(picture, (column * level["tile_width"], row * level["tile_height"]))
    return np.asarray(whole)
