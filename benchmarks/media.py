"""Seeking in a large film: how long a player waits for a part of it, over a real server."""

from __future__ import annotations

import http.client
import os
import random
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import uvicorn

SIZE = 1_000_000_000
PART = 256 * 1024
SEEKS = 200
BAR_MS = 100.0


def run() -> list[dict]:
    """The 95th percentile of 200 seeks to random places of a file of one gigabyte."""
    from exact_sdk.harness import Instance

    with tempfile.TemporaryDirectory() as folder, Instance(Path(folder) / "data", ["media"]) as app:
        address, headers = _film(app)
        config = uvicorn.Config(app._app, "127.0.0.1", 0, log_level="error", ws="none", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        try:
            times = _seeks(server.servers[0].sockets[0].getsockname()[1], address, headers)
        finally:
            server.should_exit = True
            thread.join(timeout=30)
    figures = []
    for name, share in (("median", 0.5), ("95th percentile", 0.95)):
        value = round(sorted(times)[int(share * (len(times) - 1))] * 1000, 2)
        figure = {"name": f"seek in a film of 1 GB, {name}", "value": value, "unit": "ms", "bar": f"< {BAR_MS:.0f} ms"}
        figures.append({**figure, "holds": value < BAR_MS})
    return figures


def _film(app) -> tuple[str, dict[str, str]]:
    """A sparse file in the plugin's store, attached to an image; its address, and headers that may read it."""
    from exact_media.store import MediaStore
    from exact_media.tables import MediaFile, MediaLink

    image_set = app.image_set(plugins=["media"])
    image, sha256, at = app.image(image_set), "ab" * 32, datetime.now(UTC)
    path = MediaStore(app.kernel.context_of("media").files).path_of(sha256)
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        os.truncate(file.fileno(), SIZE)
    with app.services.database.write() as session:
        film = MediaFile(sha256=sha256, kind="film", media_type="video/mp4", size_bytes=SIZE, created_at=at)
        link = MediaLink(file=film, image_set_id=image_set, image_id=image, name="film.mp4", created_at=at)
        session.add(link)
        session.flush()
        number = link.id
    token = app.as_user("viewer", image_set).headers["Authorization"]
    return f"{app.routes('media', image_set)}/media/{number}/content", {"Authorization": token}


def _seeks(port: int, address: str, headers: dict[str, str]) -> list[float]:
    """Seconds from asking to the last byte of a part, each at another place."""
    places = random.Random(1)
    connection = http.client.HTTPConnection("127.0.0.1", port)
    times = []
    for number in range(SEEKS + 10):
        first = places.randrange(SIZE - PART)
        before = time.perf_counter()
        connection.request("GET", address, headers={**headers, "Range": f"bytes={first}-{first + PART - 1}"})
        answer = connection.getresponse()
        body = answer.read()
        if number >= 10:
            times.append(time.perf_counter() - before)
        assert (answer.status, len(body)) == (206, PART)
    connection.close()
    return times
