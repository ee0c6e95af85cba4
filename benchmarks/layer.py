"""What a frame of the annotation layer costs: flat from ten to a hundred thousand shapes, and less than SVG.

One Chromium with one page per candidate; each round pans and zooms every page over the same path, in a new order. CPU
time of all the browser's processes counts, because the wall clock of a shared machine says little.
"""

from __future__ import annotations

import math
import os
import random
import statistics
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.layer_peers import PAPER, draw_with_paper, draw_with_svg
from tests.browser.layer_page import OPENSEADRAGON, QUICK_ARGUMENTS, Drawing, Scene, chromium_path, served

SIDE = 40_000
VIEW = (18_000, 18_500, 4000, 3000)  # under 1 % of the area
FRAMES = 20
PEER_FRAMES = 3  # of a second each
ROUNDS = 3
RECOLOURS = 9
CLASSES = 20
WIDTH, HEIGHT = 800, 600
_PEERS = {"svg": "SVG", "paper": "paper.js, as EXACT draws"}
_TICKS = 100.0  # USER_HZ, fixed by the kernel's interface

_ANIMATE = """async (frames) => {
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  const { viewport } = window.viewer ?? {};
  const start = viewport?.getCenter(true);
  const zoom = viewport?.getZoom(true);
  for (let i = 0; i < frames; i++) {
    const part = (2 * Math.PI * i) / frames;
    if (viewport) {
      viewport.panTo(start.plus({ x: 0.01 * Math.sin(part), y: 0.01 * Math.cos(part) - 0.01 }), true);
      viewport.zoomTo(zoom * (1 + 0.15 * Math.sin(part)), null, true);
    }
    window.moveDrawing?.(400 * Math.sin(part), 400 * Math.cos(part) - 400, 1 + 0.15 * Math.sin(part));
    await frame();
  }
  viewport?.panTo(start, true);
  viewport?.zoomTo(zoom, null, true);
  await frame();
}"""

_REDRAW = """async (color) => {
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  const gl = document.querySelector('.annotation-canvas').getContext('webgl2');
  await frame();
  await frame();
  const before = layer.statistics().frames;
  const start = performance.now();
  if (color) {
    layer.setTypeColor(1, color);
    layer.setTypeVisible(2, color.endsWith('0'));
  } else layer.setLineWidth(2);
  while (layer.statistics().frames === before) await frame();
  gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
  return performance.now() - start;
}"""


def run() -> list[dict[str, object]]:
    """Measure frames of 10k and 100k shapes near and from afar, beside SVG and paper.js, and the change of a colour."""
    reason = _missing()
    if reason:
        return [{"name": "annotation layer", "value": None, "unit": "", "bar": reason, "holds": None}]
    with _pages() as pages:
        near = _frames(pages, VIEW)
        far = _frames(pages, (0, 0, SIDE, SIDE))
        pages["100k"].evaluate("show(0, 0, 40000, 40000)")
        recolour = _recolour(pages["100k"])
        count = pages["100k"].evaluate("layer.statistics().drawnShapes")
    flat = near["100k"] / near["10k"]
    return [
        _figure("layer: frame CPU of 100k over 10k shapes, work view", flat, "x", "<= 3", flat <= 3),
        _beside(near, "svg", "work view", 4),
        _beside(far, "svg", "whole slide", 4),
        _beside(near, "paper", "work view", 14),
        _beside(far, "paper", "whole slide", 10),
        _figure("layer: frame CPU at 100k, work view, all processes", 1000 * near["100k"], "ms", "none", None),
        _figure("layer: frame CPU at 100k, whole slide, all processes", 1000 * far["100k"], "ms", "none", None),
        _figure(
            f"layer: recolour and hide classes of {count} dots, over a redraw", recolour, "ms", "< 50", recolour < 50
        ),
    ]


def _beside(frames: dict[str, float], peer: str, view: str, least: float) -> dict[str, object]:
    name = f"layer: frame CPU of {_PEERS[peer]} over ours, 100k, {view}"
    if peer not in frames:
        return {"name": name, "value": None, "unit": "x", "bar": f">= {least:g}", "holds": None, "skipped": "npm ci"}
    value = frames[peer] / frames["100k"]
    return {**_figure(name, value, "x", f">= {least:g}", value >= least), "peer": _PEERS[peer]}


def _recolour(page: Any) -> float:
    """Milliseconds until other colours are on the screen, beyond those of drawing the same again."""
    changed, same = [], []
    for turn in range(RECOLOURS):
        changed.append(page.evaluate(_REDRAW, "#aa0000" if turn % 2 else "#00aa0f"))
        same.append(page.evaluate(_REDRAW, ""))
    return max(0.0, statistics.median(changed) - statistics.median(same))


def _figure(name: str, value: float, unit: str, bar: str, holds: bool | None) -> dict[str, object]:
    return {"name": name, "value": round(value, 2), "unit": unit, "bar": bar, "holds": holds}


def _missing() -> str | None:
    if chromium_path() is None:
        return "not measured: there is no Chromium; apt-get install chromium-headless-shell"
    if not OPENSEADRAGON.is_dir():
        return "not measured: OpenSeadragon is not installed; run npm ci in frontend/"
    return None


@contextmanager
def _pages() -> Iterator[dict[str, Any]]:
    """A page for each candidate, on its work view."""
    from playwright.sync_api import sync_playwright

    scenes = {"10k": shapes(10_000), "100k": shapes(100_000)}
    scenes["100k"].most = 10**9
    with ExitStack() as stack:
        addresses = {name: stack.enter_context(served(scene)) for name, scene in scenes.items()}
        playwright = stack.enter_context(sync_playwright())
        chromium = playwright.chromium.launch(executable_path=chromium_path(), args=QUICK_ARGUMENTS)
        stack.callback(chromium.close)
        pages: dict[str, Any] = {}
        for name in ("10k", "100k", "svg", *(["paper"] if PAPER.exists() else [])):
            page = chromium.new_page(viewport={"width": WIDTH, "height": HEIGHT}, bypass_csp=True)
            page.set_default_timeout(180_000)
            page.goto(addresses.get(name, addresses["100k"]))
            page.wait_for_function("window.isReady")
            if name == "svg":
                draw_with_svg(page, (WIDTH, HEIGHT))
            elif name == "paper":
                draw_with_paper(page, (WIDTH, HEIGHT))
            pages[name] = page
        yield pages


def _frames(pages: dict[str, Any], view: tuple[int, int, int, int]) -> dict[str, float]:
    """CPU seconds of one frame of each page in a view: the median over rounds in ever new order."""
    dice = random.Random(5)
    for page in pages.values():
        page.bring_to_front()
        page.evaluate("([x, y, w, h]) => { window.show(x, y, w, h); }", list(view))
        page.wait_for_timeout(1500)
    measured: dict[str, list[float]] = {name: [] for name in pages}
    for turn in range(ROUNDS + 1):
        for name in dice.sample(sorted(pages), len(pages)):
            pages[name].bring_to_front()
            frames = FRAMES if name not in _PEERS else PEER_FRAMES
            before = _browser_cpu()
            pages[name].evaluate(_ANIMATE, frames)
            if turn:  # the first round warms up
                measured[name].append((_browser_cpu() - before) / frames)
    return {name: statistics.median(values) for name, values in measured.items()}


def _browser_cpu() -> float:
    """CPU seconds of every Chromium process below this one."""
    parents, seconds, names = {}, {}, {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            text = (folder / "stat").read_text()
        except OSError:
            continue
        name, _, rest = text.partition("(")[2].rpartition(")")
        fields = rest.split()
        pid = int(folder.name)
        parents[pid], names[pid] = int(fields[1]), name
        seconds[pid] = sum(int(value) for value in fields[11:13]) / _TICKS
    own = {pid for pid in parents if _descends(pid, parents)}
    return sum(seconds[pid] for pid in own if "chrom" in names[pid])


def _descends(pid: int, parents: dict[int, int]) -> bool:
    while pid > 1:
        if pid == os.getpid():
            return True
        pid = parents.get(pid, 0)
    return False


def shapes(number: int) -> Scene:
    """30 % boxes and 70 % polygons of 4 to 200 corners (median 24), clustered, of twenty classes."""
    dice = random.Random(number)
    centres = [(dice.uniform(0, SIDE), dice.uniform(0, SIDE)) for _ in range(200)]
    drawings = []
    for i in range(number):
        if dice.random() < 0.5:
            x, y = dice.uniform(200, SIDE - 200), dice.uniform(200, SIDE - 200)
        else:
            cx, cy = dice.choice(centres)
            x, y = (min(SIDE - 200, max(200, dice.gauss(c, 1500))) for c in (cx, cy))
        size = dice.uniform(10, 40)
        kind = 1 + i % CLASSES
        if dice.random() < 0.3:
            drawings.append(Drawing(i + 1, "box", [[(int(x), int(y)), (int(x + size), int(y + size))]], kind))
            continue
        corners = int(min(200, max(4, dice.lognormvariate(math.log(24), 0.6))))
        ring = []
        for k in range(corners):
            angle, radius = 2 * math.pi * k / corners, size * dice.uniform(0.85, 1.15)
            ring.append((int(x + radius * math.cos(angle)), int(y + radius * math.sin(angle))))
        drawings.append(Drawing(i + 1, "polygon", [ring], kind))
    types = [
        {"id": k, "name": f"Class {k}", "color": f"#{(k * 643_217) % 0xFFFFFF:06x}", "visible": True}
        for k in range(1, CLASSES + 1)
    ]
    return Scene(SIDE, SIDE, types, drawings)
