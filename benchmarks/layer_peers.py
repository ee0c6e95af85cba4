"""Other ways to draw the same shapes in a page: one SVG path each, and one paper.js path each, as EXACT draws them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

PAPER = Path(__file__).resolve().parent.parent / "frontend" / "node_modules" / "paper" / "dist" / "paper-core.min.js"

_SVG = """async (size) => {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('width', size[0]);
  svg.setAttribute('height', size[1]);
  const group = document.createElementNS('http://www.w3.org/2000/svg', 'g');
  for (const [type, d] of await (await fetch('/paths')).json()) {
    const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    path.setAttribute('d', d);
    path.setAttribute('fill', 'none');
    path.setAttribute('stroke', `hsl(${type * 18}, 90%, 40%)`);
    path.setAttribute('vector-effect', 'non-scaling-stroke');
    group.append(path);
  }
  svg.append(group);
  document.getElementById('viewer').replaceChildren(svg);
  window.viewer.destroy();
  window.viewer = undefined;
  let [x, y, w] = [0, 0, 1];
  window.show = (...view) => { [x, y, w] = view; window.moveDrawing(0, 0, 1); };
  window.moveDrawing = (dx, dy, zoom) => {
    const scale = (size[0] / w) * zoom;
    group.setAttribute('transform', `scale(${scale}) translate(${-x - dx}, ${-y - dy})`);
  };
}"""

_PAPER = """async (size) => {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = size;
  document.getElementById('viewer').replaceChildren(canvas);
  window.viewer.destroy();
  window.viewer = undefined;
  paper.setup(canvas);
  for (const [type, d] of await (await fetch('/paths')).json()) {
    const path = new paper.Path(d);
    path.strokeColor = new paper.Color({ hue: type * 18, saturation: 0.9, brightness: 0.6 });
    path.strokeScaling = false;
  }
  let [x, y, w, h] = [0, 0, 1, 1];
  window.show = (...view) => { [x, y, w, h] = view; window.moveDrawing(0, 0, 1); };
  window.moveDrawing = (dx, dy, zoom) => {
    paper.view.zoom = (size[0] / w) * zoom;
    paper.view.center = new paper.Point(x + dx + w / 2, y + dy + h / 2);
    paper.view.update();
  };
}"""


def draw_with_svg(page: Any, size: tuple[int, int]) -> None:
    """Replace the layer of a page by an SVG with a path for each shape; ``show`` and ``moveDrawing`` go on working."""
    page.evaluate("layer.destroy()")
    page.evaluate(_SVG, list(size))


def draw_with_paper(page: Any, size: tuple[int, int]) -> None:
    """Replace the layer of a page by a paper.js canvas with a path for each shape."""
    page.evaluate("layer.destroy()")
    page.add_script_tag(path=str(PAPER))
    page.evaluate(_PAPER, list(size))
