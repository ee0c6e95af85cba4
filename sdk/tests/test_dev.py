"""``exact dev``: a real process that follows edits and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from exact_sdk.fakedist import FakeDistributions
from exact_sdk.scaffold import naming_of, write
from exact_sdk.slides import write_slide

SECONDS = 40


@dataclass
class Running:
    """A running ``exact dev``."""

    process: subprocess.Popen[str]
    address: str
    login: str
    page: str
    plugin: Path
    temporary: Path

    def get(self, path: str, headers: dict[str, str] | None = None) -> Any:
        request = urllib.request.Request(f"{self.address}{path}", headers=headers or {})
        return urllib.request.urlopen(request, timeout=20)

    def text(self, path: str, headers: dict[str, str] | None = None) -> str:
        with self.get(path, headers) as answer:
            return str(answer.read().decode())


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("dev")
    temporary = folder / "tmp"
    temporary.mkdir()
    plugin = write(naming_of("follow-me"), ("panel", "routes", "tables"), folder)
    slide = write_slide(folder / "slide.tif", 512, 512, cells=4)
    with FakeDistributions(folder / "installed") as distributions:
        distributions.adopt(plugin)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(distributions.paths), "TMPDIR": str(temporary)}
        process = subprocess.Popen(
            [sys.executable, "-m", "exact_core", "dev", "--port", "0", "--slide", str(slide.path)],
            cwd=plugin,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            told = {}
            assert process.stdout is not None
            for line in process.stdout:
                name, _, rest = line.strip().rpartition(" ")
                told[name] = rest
                if name.startswith("Then look at"):
                    break
            assert "ready" in told, told
            page = told["Then look at:"].removeprefix(told["ready"])
            yield Running(process, told["ready"], told["Log in once with:"], page, plugin, temporary)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=SECONDS)
            process.stdout.close()  # type: ignore[union-attr]


def log_in(running: Running) -> dict[str, str]:
    """The headers of a browser that used the link; it can be used once."""
    token = running.login.partition("#")[2]
    request = urllib.request.Request(
        f"{running.address}/api/v2/auth/login-link",
        data=json.dumps({"token": token}).encode(),
        headers={"Content-Type": "application/json", "Origin": running.address},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        cookies = [value.partition(";")[0] for value in answer.headers.get_all("Set-Cookie")]
    return {"Cookie": "; ".join(cookies), "Accept": "text/html"}


def test_an_author_sees_the_plugin_and_every_edit_at_once_and_nothing_stays(running: Running) -> None:
    """One story, as each part needs the server that the part before it left."""
    page = running.text(running.page, log_in(running))
    assert '<script type="module" src="/-/dev/reload.js"></script></body>' in page
    assert "/plugins/follow_me/static/dev/index.js" in page  # the plugin is on, its tables made, its files not cached
    assert "EventSource" in running.text("/-/dev/reload.js")
    script = running.plugin / "exact_follow_me" / "static" / "index.js"
    with running.get("/plugins/follow_me/static/dev/index.js") as answer:
        assert answer.headers["Cache-Control"] == "no-store"

    with running.get("/-/dev/events") as events:
        first = [events.readline().decode().strip() for _ in range(3)]
        assert first[0] == "event: started"
        script.write_text(f"{script.read_text()}// an edit\n")
        for line in events:
            if line.strip() == b"event: changed":
                break
        assert events.readline().decode().strip() == f"data: {script}"
    assert running.text("/plugins/follow_me/static/dev/index.js").endswith("// an edit\n")

    routes = running.plugin / "exact_follow_me" / "routes.py"
    routes.write_text(routes.read_text().replace("Shapes in a field of view", "Told anew"))
    wait_for(running, lambda: "Told anew" in running.text("/api/openapi.json"))
    with running.get("/-/dev/events") as events:
        again = [events.readline().decode().strip() for _ in range(2)]
    assert again[0] == "event: started"
    assert again[1] != first[1]  # another process: open pages reload themselves

    assert list(running.temporary.glob("exact-dev-*"))
    os.kill(running.process.pid, signal.SIGINT)
    assert running.process.wait(timeout=SECONDS) == 0
    assert list(running.temporary.iterdir()) == []
    with pytest.raises(OSError):
        running.text("/healthz")


def wait_for(running: Running, is_so: Any) -> None:
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends:
        try:
            if is_so():
                return
        except OSError:
            assert running.process.poll() is None, "it ended"
        time.sleep(0.2)
    raise AssertionError("the server did not follow the edit")
