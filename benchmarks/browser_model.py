"""A model of 60 MB in the browser: fields of view per second, the wait for the first one, and memory.

A field is 256 × 256 px at the model's resolution, new each time, through the whole way: tiles from the server,
decoding, preprocessing, the network (WebAssembly in headless Chromium), probabilities.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from exact_core.settings import Settings
from exact_core.storage import migrate
from exact_core.storage.database import Database
from tests.browser.layer_page import QUICK_ARGUMENTS, chromium_path
from tests.browser.model_upload import upload
from tests.browser.networks import large_network
from tests.browser.viewer_instance import running

FIELD = 256
FIELDS = 20
SIDE = FIELD * 5

_RUN = """async ({ image, address, field, fields, side }) => {
  const base = document.querySelector('script[src*="viewer/index.js"]').src.split('viewer/')[0];
  const { ModelWorker } = await import(`${base}inference/model_worker.js`);
  const facts = await (await fetch(`/api/v2/images/${image}/slide-information`)).json();
  const began = performance.now();
  let heard;
  const worker = new ModelWorker(address, (message) => heard(message), { backend: 'wasm' });
  const next = (kind) => new Promise((resolve, reject) => {
    heard = (message) => {
      if (message.kind === 'failed') reject(new Error(message.message));
      else if (message.kind === kind && message.isWhole !== false) resolve(message);
    };
  });
  const opened = await next('opened');
  const look = (number) => {
    const columns = side / field;
    const [x, y] = [(number % columns) * field, Math.floor(number / columns) * field];
    const bounds = [x, y, x + field, y + field];
    const shown = { id: image, content_version: '', levels: facts.levels, mpp_x: null };
    worker.look({ image: shown, frame: '0.0.rgb', bounds });
    return next('field');
  };
  await look(0);
  const first = performance.now() - began;
  const start = performance.now();
  let network = 0;
  for (let number = 1; number <= fields; number += 1) network += (await look(number)).ms;
  const total = performance.now() - start;
  return { threads: opened.threads, first: first / 1000, rate: (1000 * fields) / total, network: network / total };
}"""


def run() -> list[dict[str, Any]]:
    """The figures."""
    path = chromium_path()
    if path is None:
        return [_figure("fields of a 60 MB model", None, "fields/s", ">= 2", holds=None)]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        settings = Settings(data_dir=Path(folder) / "data", secret_key="benchmark-" + "0" * 32)
        settings.data_dir.mkdir()
        database = Database(settings.effective_database_url)
        migrate.upgrade(database)
        database.dispose()
        with running(settings, [_picture(Path(folder))]) as instance:
            browser = playwright.chromium.launch(executable_path=path, args=QUICK_ARGUMENTS)
            context = browser.new_context()
            instance.log_in(context)
            page = context.new_page()
            uuid = upload(instance, "large", large_network())
            page.goto(instance.viewer())
            found = _measured(page, instance.image_ids[0], uuid)
            browser.close()
    threads = f"{found['threads']} threads"
    return [
        _figure(f"fields of a 60 MB model, {threads}", found["rate"], "fields/s", ">= 2", holds=found["rate"] >= 2),
        _figure("first field, nothing kept", found["first"], "s", "", holds=None),
        _figure("part of the time in the network", found["network"], "of 1", "", holds=None),
        _figure("most memory of the page's process", found["memory"], "MiB", "< 2048", holds=found["memory"] < 2048),
    ]


def _measured(page: Page, image: int, uuid: str) -> dict[str, float]:
    address = f"/api/v2/models/{uuid}/files/onnx"
    asked = {"image": image, "address": address, "field": FIELD, "fields": FIELDS, "side": SIDE}
    found: dict[str, float] = page.evaluate(_RUN, asked)
    return found | {"memory": _most_memory()}


def _most_memory() -> float:
    """Of the largest renderer of this process's Chromium, in MiB, as the kernel kept count."""
    found: dict[int, tuple[int, float]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # a process may end meanwhile
            fields = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
            is_renderer = b"--type=renderer" in (folder / "cmdline").read_bytes()
            most = int(fields["VmHWM"].split()[0]) / 1024 if is_renderer else 0.0
            found[int(folder.name)] = int(fields["PPid"]), most
    return max((most for pid, (_, most) in found.items() if most and _descends(pid, found)), default=0.0)


def _descends(pid: int, found: dict[int, tuple[int, float]]) -> bool:
    while pid in found and pid != os.getpid():
        pid = found[pid][0]
    return pid == os.getpid()


def _picture(folder: Path) -> Path:
    """A picture with something in every pixel."""
    path = folder / "picture.png"
    samples = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    Image.fromarray(samples).save(path)
    return path


def _figure(name: str, value: float | None, unit: str, bar: str, *, holds: bool | None) -> dict[str, Any]:
    shown = None if value is None else round(value, 2)
    return {"name": name, "value": shown, "unit": unit, "bar": bar, "holds": holds}
