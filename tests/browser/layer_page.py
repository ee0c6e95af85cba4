"""A page with nothing but OpenSeadragon and the annotation layer, on a small server with shapes of our making."""

from __future__ import annotations

import io
import json
import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from PIL import Image, ImageDraw

from exact_core.annotations import wire
from exact_core.web.security import page_policy

REPOSITORY = Path(__file__).resolve().parent.parent.parent
STATIC = REPOSITORY / "exact_core" / "web" / "static"
OPENSEADRAGON = REPOSITORY / "frontend" / "node_modules" / "openseadragon" / "build" / "openseadragon"
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
QUICK_ARGUMENTS = [*CHROMIUM_ARGUMENTS, "--disable-gpu-compositing"]
"""WebGL is drawn by software either way; pages are put together with half of the processor time without it."""


def chromium_path() -> str | None:
    """The Chromium of this machine: the one without windows first, as it starts and draws quicker."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


NUMBERS = {
    "point": 1,
    "box": 2,
    "ellipse": 3,
    "line": 4,
    "polyline": 5,
    "polygon": 6,
    "rotated_box": 7,
    "multi_polygon": 8,
    "image": 9,
}
# The page of the core, but with its own style sheet inside, and `eval`, which Playwright needs to wait for conditions.
PAGE_POLICY = (
    page_policy("layer")
    .replace("'wasm-unsafe-eval'", "'unsafe-eval'")
    .replace("img-src", "style-src-elem 'unsafe-inline'; img-src")
)
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
_SMALL_PX = 2.0


@dataclass
class Drawing:
    """One annotation: its rings as lists of (x, y), and which of them are holes."""

    id: int
    shape: str
    rings: Sequence[Any]
    type_id: int = 1
    author_id: int = 7
    holes: tuple[int, ...] = ()
    revision: int = 1

    @cached_property
    def box(self) -> tuple[int, int, int, int]:
        """Bounds of all vertices."""
        points = np.concatenate([np.asarray(ring) for ring in self.rings])
        return (*map(int, points.min(axis=0)), *map(int, points.max(axis=0)))


@dataclass
class Scene:
    """What the server knows; tests change it between requests."""

    width: int
    height: int
    types: list[dict[str, Any]]
    drawings: list[Drawing]
    revision: int = 1
    coordinates: str = "int16-delta"
    answer: int = 200
    requests: list[dict[str, float]] = field(default_factory=list)
    most: int = 10**6
    dark: tuple[int, int, int, int] | None = None  # a black rectangle of the image

    @cached_property
    def boxes(self) -> np.ndarray:
        """Bounds of all drawings, to search in."""
        return np.array([drawing.box for drawing in self.drawings], np.int64).reshape(-1, 4)

    def changed(self) -> None:
        """Forget what was computed, and count a revision."""
        self.__dict__.pop("boxes", None)
        self.revision += 1

    def view(self, x0: float, y0: float, x1: float, y1: float, scale: float, limit: int) -> bytes:
        """Shapes, or centroids where most are too small to see, or counts where even those are too many."""
        box = self.boxes
        meets = (box[:, 0] <= x1) & (box[:, 2] >= x0) & (box[:, 1] <= y1) & (box[:, 3] >= y0)
        found = [self.drawings[i] for i in np.flatnonzero(meets)]
        header = {"revision": self.revision, "box": [int(x0), int(y0), int(x1), int(y1)], "cell": 2048}
        if len(found) > self.most:
            return encode_summary(header, found)
        small = [d for d in found if max(d.box[2] - d.box[0], d.box[3] - d.box[1]) * scale < _SMALL_PX]
        if len(found) > limit or (small and scale < 0.1):
            whole = [d for d in found if max(d.box[2] - d.box[0], d.box[3] - d.box[1]) * scale > 100]
            return encode_centroids(header, [d for d in found if d not in whole], whole, self.coordinates)
        return encode_shapes(header, found, self.coordinates)


def encode_shapes(header: Mapping[str, Any], drawings: Sequence[Drawing], coordinates: str) -> bytes:
    """A view of kind shapes."""
    types, authors = _ids(drawings)
    full = {**header, "kind": "shapes", "n": len(drawings), "types": types, "authors": authors}
    return wire.encode({**full, "coordinates": coordinates}, _shape_arrays(drawings, types, authors, coordinates))


def encode_centroids(
    header: Mapping[str, Any], drawings: Sequence[Drawing], whole: Sequence[Drawing], coordinates: str
) -> bytes:
    """A view of kind centroids, with the few shapes that are large."""
    types, authors = _ids([*drawings, *whole])
    full = {**header, "kind": "centroids", "n": len(drawings), "types": types, "authors": authors, "large": len(whole)}
    boxes = np.array([d.box for d in drawings], np.int64).reshape(-1, 4)
    arrays = {
        "id": np.array([d.id for d in drawings], np.float64),
        "type": np.array([types.index(d.type_id) for d in drawings], np.uint16),
        "author": np.array([authors.index(d.author_id) for d in drawings], np.uint16),
        "xy": ((boxes[:, :2] + boxes[:, 2:]) // 2).astype(np.int32),
    }
    large = _shape_arrays(whole, types, authors, coordinates) if whole else {}
    return wire.encode(
        {**full, "coordinates": coordinates}, arrays | {f"large_{name}": array for name, array in large.items()}
    )


def encode_summary(header: Mapping[str, Any], drawings: Sequence[Drawing]) -> bytes:
    """A view of kind summary."""
    types, _ = _ids(drawings)
    counts: dict[tuple[int, int, int], int] = {}
    for d in drawings:
        place = (types.index(d.type_id), (d.box[0] + d.box[2]) // 4096, (d.box[1] + d.box[3]) // 4096)
        counts[place] = counts.get(place, 0) + 1
    arrays = {
        "type": np.array([place[0] for place in counts], np.uint16),
        "cell": np.array([place[1:] for place in counts], np.uint32),
        "count": np.array(list(counts.values()), np.uint32),
    }
    return wire.encode({**header, "kind": "summary", "n": len(counts), "types": types, "authors": []}, arrays)


def _ids(drawings: Iterable[Drawing]) -> tuple[list[int], list[int]]:
    drawings = list(drawings)
    return sorted({d.type_id for d in drawings}), sorted({d.author_id for d in drawings})


def _shape_arrays(
    drawings: Sequence[Drawing], types: list[int], authors: list[int], coordinates: str
) -> dict[str, np.ndarray]:
    rings = [np.asarray(ring, np.int32).reshape(-1, 2) for d in drawings for ring in d.rings]
    arrays = {
        "id": np.array([d.id for d in drawings], np.float64),
        "type": np.array([types.index(d.type_id) for d in drawings], np.uint16),
        "author": np.array([authors.index(d.author_id) for d in drawings], np.uint16),
        "shape": np.array([NUMBERS[d.shape] for d in drawings], np.uint8),
        "revision": np.array([d.revision for d in drawings], np.int32),
        "box": np.array([d.box for d in drawings], np.int32).reshape(-1, 4),
        "ring_start": np.cumsum([0, *(len(d.rings) for d in drawings)]).astype(np.uint32),
        "ring_length": np.array([len(ring) for ring in rings], np.uint32),
        "ring_hole": np.array([r in d.holes for d in drawings for r in range(len(d.rings))], np.uint8),
    }
    if coordinates == "int32":
        return arrays | {"xy": np.concatenate([*rings, np.empty((0, 2), np.int32)])}
    steps = [np.diff(ring, axis=0) for ring in rings]
    return arrays | {
        "first": np.array([ring[0] for ring in rings], np.int32).reshape(-1, 2),
        "delta": np.concatenate([*steps, np.empty((0, 2), np.int32)]).astype(np.int16),
    }


@contextmanager
def served(scene: Scene) -> Iterator[str]:
    """The address of the page, while the server runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(scene))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _path(drawing: Drawing) -> str:
    """The drawing as SVG writes it, boxes by their corners."""
    rings = [list(ring) for ring in drawing.rings]
    if drawing.shape == "box":
        (x0, y0), (x1, y1) = rings[0]
        rings = [[(x0, y0), (x1, y0), (x1, y1), (x0, y1)]]
    return "".join("M" + "L".join(f"{x} {y}" for x, y in ring) + "Z" for ring in rings)


def _handler(scene: Scene) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers the page, its modules, white tiles and views."""

        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/view":
                self._view(parse_qs(parts.query))
            elif parts.path == "/scene":
                facts = {"width": scene.width, "height": scene.height, "types": scene.types}
                self._send(json.dumps(facts).encode(), "application/json")
            elif parts.path == "/paths":
                self._send(json.dumps([[d.type_id, _path(d)] for d in scene.drawings]).encode(), "application/json")
            elif parts.path == "/tile.png":
                self._tile(parse_qs(parts.query))
            elif parts.path == "/":
                self._send((Path(__file__).parent / "layer_page.html").read_bytes(), "text/html")
            elif parts.path.startswith("/static/vendor/openseadragon/"):
                self._file(OPENSEADRAGON / parts.path.rpartition("/")[2])
            elif parts.path.startswith("/static/"):
                self._file(STATIC / parts.path.removeprefix("/static/"))
            else:
                self._send(b"", "text/plain", 404)

        def _view(self, query: dict[str, list[str]]) -> None:
            numbers = {name: float(values[0]) for name, values in query.items()}
            scene.requests.append(numbers)
            if scene.answer != 200:
                self._send(b"", "text/plain", scene.answer)
                return
            body = scene.view(*(numbers[key] for key in ("x0", "y0", "x1", "y1", "scale")), int(numbers["limit"]))
            self._send(body, wire.MEDIA_TYPE)

        def _tile(self, query: dict[str, list[str]]) -> None:
            level, column, row = (int(query[name][0]) for name in ("level", "column", "row"))
            factor = 2 ** ((max(scene.width, scene.height) - 1).bit_length() - level)
            tile = Image.new("RGB", (512, 512), "white")
            if scene.dark:
                x0, y0, x1, y1 = (side / factor for side in scene.dark)
                place = (x0 - 512 * column, y0 - 512 * row, x1 - 512 * column - 1, y1 - 512 * row - 1)
                ImageDraw.Draw(tile).rectangle(place, "black")
            file = io.BytesIO()
            tile.save(file, "PNG")
            self._send(file.getvalue(), "image/png")

        def _file(self, path: Path) -> None:
            if ".." in path.parts or not path.is_file():
                self._send(b"", "text/plain", 404)
                return
            self._send(path.read_bytes(), "text/javascript")

        def _send(self, body: bytes, media_type: str, status: int = 200) -> None:
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            # As the core sends them: modules and data may do nothing by themselves.
            policy = PAGE_POLICY if media_type == "text/html" else DATA_POLICY
            self.send_header("Content-Security-Policy", policy)
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            # The page gives up requests for places that it has left.
            with suppress(ConnectionError):
                self.wfile.write(body)

    return Handler
