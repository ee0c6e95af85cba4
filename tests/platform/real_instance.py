"""A whole instance as administrators run it: the ``exact`` command in processes of its own, and clients over HTTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from fastapi.testclient import TestClient
from starlette.testclient import httpx

from exact_core.app import create_app
from exact_core.opening import close_services
from exact_core.settings import Settings

_SECONDS_FOR_A_COMMAND = 120
_SECONDS_TO_STOP = 40
_SECONDS_UNTIL_READ = 40


class RealInstance:
    """Data folder, database and, between ``start`` and ``stop``, the processes of ``exact serve``.

    Attributes:
        data: The data folder.
        temporary: What the instance's processes take for the system's temporary folder.
    """

    def __init__(self, folder: Path, database_url: str = "") -> None:
        self.data = folder / "data"
        self.temporary = folder / "temporary"
        self.temporary.mkdir(parents=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("EXACT_")}
        self._environment = {
            **kept,
            "EXACT_DATA_DIR": str(self.data),
            "EXACT_DATABASE_URL": database_url,
            "EXACT_FREE_SPACE_MIB": "0",
            "TMPDIR": str(self.temporary),
            "PYTHONWARNINGS": "error::ResourceWarning",
        }
        self._process: subprocess.Popen[str] | None = None
        self._tokens: dict[str, str] = {}
        self._clients: list[httpx.Client] = []
        self.address = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def exact(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Type a command."""
        command = [sys.executable, "-m", "exact_core", *map(str, arguments)]
        return subprocess.run(
            command,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS_FOR_A_COMMAND,
        )

    def run_import(self, set_name: str, *paths: Path) -> tuple[int, list[dict[str, Any]]]:
        """``exact import PATH… --set NAME --json --wait``: its exit status and its lines."""
        done = self.exact("import", *paths, "--set", set_name, "--json", "--wait")
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]

    def start(self) -> None:
        """Start ``exact serve`` on a free port and wait until it says that it is ready."""
        command = [sys.executable, "-m", "exact_core", "serve", "--port", "0"]
        self._process = subprocess.Popen(
            command,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("ready "), line
        self.address = line.split()[1]

    def stop(self) -> None:
        """End the server as Ctrl-C does; whatever is left of it is killed."""
        for client in self._clients:
            client.close()
        self._clients.clear()
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=_SECONDS_TO_STOP)
        finally:
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            assert process.stdout is not None
            process.stdout.close()

    @property
    def is_serving(self) -> bool:
        """Whether the server's own process lives."""
        return self._process is not None and self._process.poll() is None

    def add_user(self, name: str, *, admin: bool = False) -> None:
        """Create somebody with a token for scripts."""
        made = self.exact("user", "create", name, *(["--admin"] if admin else []), "--json")
        assert made.returncode == 0, made.stderr
        self._tokens[name] = json.loads(self.exact("user", "token", name, "--json").stdout)["token"]

    def headers(self, name: str) -> dict[str, str]:
        """What somebody's script sends to show who it is."""
        return {"Authorization": f"Bearer {self._tokens[name]}"}

    def client(self, name: str) -> httpx.Client:
        """Somebody's script, connected to the server that runs now."""
        client = httpx.Client(base_url=self.address, headers=self.headers(name), timeout=30, trust_env=False)
        self._clients.append(client)
        return client

    @contextmanager
    def client_within(self, name: str) -> Iterator[TestClient]:
        """Somebody's script and the application in this process, for tests that need no server of their own."""
        app = create_app(Settings(data_dir=self.data, database_url=self._environment["EXACT_DATABASE_URL"]))
        try:
            with TestClient(app, base_url="http://127.0.0.1:8000", headers=self.headers(name)) as client:
                yield client
        finally:
            app.state.services.kernel.faults.stop()
            close_services(app.state.services)

    def left_over(self) -> list[str]:
        """Files in temporary places: the system's, the instance's, and uploads that are under way."""
        folders = (self.temporary, self.data / "temporary", self.data / "uploads")
        return [str(path) for folder in folders for path in folder.rglob("*") if path.is_file()]


def wait_until_read(client: httpx.Client, image_id: int) -> dict[str, Any]:
    """The image when it is ready or turned out to be unreadable."""
    deadline = time.monotonic() + _SECONDS_UNTIL_READ
    while True:
        answer = client.get(f"/api/v2/images/{image_id}")
        assert answer.status_code == 200, answer.text
        image: dict[str, Any] = answer.json()
        if image["status"] in {"ready", "unreadable"}:
            return image
        assert time.monotonic() < deadline, f"image {image_id} is still {image['status']}"
        time.sleep(0.1)
