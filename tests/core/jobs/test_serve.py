"""``exact serve``: one command that starts everything, keeps it running and ends it cleanly."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from click.testing import CliRunner

from exact_core.api.errors import ConfigurationError
from exact_core.jobs.serve import as_environment, listen
from exact_core.settings import Settings
from tests.core.images.instance import wait_until


def children_of(pid: int) -> dict[int, str]:
    """Processes that a process started, with their command lines."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == pid:
                found[int(path.parent.name)] = (path.parent / "cmdline").read_text().replace("\0", " ")
    return found


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextmanager
def serving(settings: Settings, *options: str) -> Iterator[tuple[subprocess.Popen[str], str, list[str]]]:
    """A server in a process of its own; gives the process, its address and its first lines."""
    environment = {**os.environ, **as_environment(settings), "EXACT_SAFE_MODE": "true"}
    command = [sys.executable, "-m", "exact_core", "serve", "--port", "0", *options]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    )
    assert process.stdout is not None
    try:
        lines = [process.stdout.readline()]
        if lines[0].startswith("ready"):
            lines.append(process.stdout.readline())
        yield process, lines[0].split()[-1] if lines[0] else "", lines
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=40)
        finally:
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()


def status_of(url: str, path: str) -> int:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)
    try:
        connection.request("GET", path, headers={"Accept": "text/html"})
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


def test_one_command_sets_up_serves_heals_and_ends(tmp_path: Path):
    settings = Settings(data_dir=tmp_path / "new", database_url="")
    with serving(settings, "--processes", "2") as (process, url, lines):
        assert lines[0].startswith("ready http://127.0.0.1:")
        assert "/login/link#" in lines[1]
        assert status_of(url, "/healthz") == 200
        children = children_of(process.pid)
        worker = next(pid for pid, command in children.items() if " worker " in command)
        web = [pid for pid, command in children.items() if "web_process" in command]
        assert len(web) == 2
        for victim in (worker, web[0]):
            os.kill(victim, signal.SIGKILL)
        wait_until(lambda: len(children_of(process.pid).keys() - {worker, web[0]}) == 3, 20)
        assert status_of(url, "/healthz") == 200
        everybody = set(children_of(process.pid))
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=40) == 0
        assert time.monotonic() - started < 25
    assert not any(is_running(pid) for pid in everybody)
    assert (tmp_path / "new" / "secret.key").stat().st_mode & 0o077 == 0


def test_a_server_that_is_killed_takes_its_processes_with_it(tmp_path: Path):
    with serving(Settings(data_dir=tmp_path / "new", database_url="")) as (process, _, lines):
        assert lines[0].startswith("ready")
        children = set(children_of(process.pid))
        assert len(children) == 2
        process.kill()
        process.wait()
        wait_until(lambda: not any(is_running(pid) for pid in children), 30)


def test_a_port_that_is_taken_is_reported_with_what_to_do():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigurationError, match="--port"):
            listen("127.0.0.1", taken.getsockname()[1])


def test_settings_survive_the_way_through_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    settings = Settings(data_dir=tmp_path, plugins=("a", "b"), secret_key="k" * 40, convert_side=999, safe_mode=True)
    for name in list(os.environ):
        if name.startswith("EXACT_"):
            monkeypatch.delenv(name)
    for name, value in as_environment(settings).items():
        monkeypatch.setenv(name, value)
    assert Settings() == settings
    monkeypatch.delenv("EXACT_PLUGINS", raising=False)
    for name, value in as_environment(Settings(data_dir=tmp_path)).items():
        monkeypatch.setenv(name, value)
    assert Settings().plugins is None


def test_a_database_of_another_version_is_left_alone(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    from sqlalchemy import text

    from exact_core.jobs.serve_commands import serve
    from exact_core.storage.database import Database

    database = Database(settings.effective_database_url)
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    database.dispose()
    for name, value in as_environment(settings).items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(serve, ["--port", "0"])
    assert isinstance(done.exception, ConfigurationError)
    assert "0000" in done.exception.message
