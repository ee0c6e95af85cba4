"""The command: prepare a temporary instance, serve it with reload, and leave nothing behind."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import tomllib
import urllib.request
from pathlib import Path
from time import sleep

import click

WATCHED = "EXACT_SDK_WATCHED"
"""Environment variable for the serving process: the plugins whose browser files are watched, with commas."""

_DEMO_SLIDE = Path(".exact-demo/slides/composed-tissue.tif")
_SECONDS_TO_START = 60


@click.command()
@click.argument("plugins", nargs=-1)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one.")
@click.option(
    "--slide",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A slide to show; the one of 'exact demo' where it has run, else a synthetic one.",
)
def dev(plugins: tuple[str, ...], port: int, slide: Path | None) -> None:
    """Serve a throw-away instance with PLUGINS switched on; edits are seen at once.

    Without a name it is the plugin of the current folder, else every installed one. A change of Python restarts the
    server, a change below 'static' reloads the page. Ctrl-C ends it and deletes its data.
    """
    from exact_sdk.dev.seed import fill
    from exact_sdk.subject import Subject

    names = tuple(name.replace("-", "_") for name in plugins) or _plugins_here()
    try:
        subjects = [Subject(name) for name in names]
    except LookupError as error:
        raise click.ClickException(str(error.args[0])) from error
    for subject in subjects:
        if not subject.record.state.is_running:
            click.echo(f"{subject.record.place or subject.name}: {subject.record.reason}", err=True)
    click.echo(f"Preparing a new instance with {', '.join(names) or 'no plugin'}; this takes some seconds …")
    folder = Path(tempfile.mkdtemp(prefix="exact-dev-"))
    for name in [name for name in os.environ if name.startswith("EXACT_")]:
        del os.environ[name]  # never the data of a real instance
    os.environ |= {"EXACT_DATA_DIR": str(folder / "data"), "EXACT_WORKER_SLOTS": "1", WATCHED: ",".join(names)}
    try:
        made = fill(folder, subjects, slide or _demo_slide())
        _serve(port, [str(subject.folder) for subject in subjects if subject.folder], made)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _plugins_here() -> tuple[str, ...]:
    """The plugins of the project in the current folder; all installed ones elsewhere."""
    from exact_core.kernel.discovery import discover

    path = Path("pyproject.toml")
    if path.is_file():
        facts = tomllib.loads(path.read_text(encoding="utf-8"))
        found = tuple(facts.get("project", {}).get("entry-points", {}).get("exact.plugins", {}))
        if found:
            return found
    return tuple(sorted({candidate.name for candidate in discover()}))


def _demo_slide() -> Path | None:
    """What ``exact demo`` composed in this folder or in one above it."""
    here = Path.cwd()
    return next((path for each in (here, *here.parents) if (path := each / _DEMO_SLIDE).is_file()), None)


def _serve(port: int, folders: list[str], image_path: str) -> None:
    from uvicorn import Config, Server
    from uvicorn.supervisors import ChangeReload

    config = Config(
        "exact_sdk.dev.app:make",
        factory=True,
        host="127.0.0.1",
        port=port,
        reload=True,
        reload_dirs=folders,
        reload_delay=0.1,
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
    socket = config.bind_socket()
    address = f"http://127.0.0.1:{socket.getsockname()[1]}"
    os.environ |= {"EXACT_HOST": "127.0.0.1", "EXACT_PORT": address.rpartition(":")[2]}
    threading.Thread(target=_tell_when_ready, args=(address, image_path), daemon=True).start()
    ChangeReload(config, target=Server(config).run, sockets=[socket]).run()
    click.echo("The instance and its data are gone.")


def _tell_when_ready(address: str, image_path: str) -> None:
    from exact_sdk.dev.seed import login_link

    for _ in range(_SECONDS_TO_START * 10):
        try:
            with urllib.request.urlopen(f"{address}/healthz", timeout=5):  # noqa: S310 - our own address
                break
        except OSError:
            sleep(0.1)
    click.echo(f"ready {address}")
    click.echo(f"Log in once with: {login_link(address)}")
    click.echo(f"Then look at: {address}{image_path}")
