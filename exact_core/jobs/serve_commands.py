"""``exact serve``: the web server and a worker, from one command."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from exact_core.settings import Settings


@click.command()
@click.option("--host", default=None, help="Address to listen at; EXACT_HOST, else 127.0.0.1.")
@click.option("--port", type=click.IntRange(0, 65535), default=None, help="Port; EXACT_PORT, else 8000. 0 takes any.")
@click.option("--processes", type=click.IntRange(1, 256), default=None, help="Web processes; EXACT_WEB_PROCESSES.")
@click.option("--no-worker", is_flag=True, help="Start no worker; run 'exact worker' elsewhere.")
def serve(host: str | None, port: int | None, processes: int | None, no_worker: bool) -> None:
    """Run the web server and a worker until Ctrl-C.

    Prints 'ready http://…' when the first page can be opened. A new database is set up at the first start; one of an
    older version is left alone until 'exact db upgrade' was run.
    """
    from exact_core.jobs.serve import Supervisor
    from exact_core.settings import Settings

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    given = {"host": host, "port": port, "web_processes": processes}
    settings = Settings().model_copy(update={name: value for name, value in given.items() if value is not None})
    prepare_database(settings)
    supervisor = Supervisor(settings, worker=not no_worker)

    def when_ready(url: str) -> None:
        click.echo(f"ready {url}")
        link = administrator_link(settings, url)
        if link:
            click.echo(f"There is no administrator yet. This link makes you the first one, once: {link}")
        sys.stdout.flush()

    sys.exit(supervisor.run(when_ready))


def prepare_database(settings: Settings) -> None:
    """Set up a new database; refuse to serve from one of another version."""
    from exact_core.api.errors import ConfigurationError
    from exact_core.jobs.serve import as_environment
    from exact_core.storage import migrate
    from exact_core.storage.database import Database

    settings.data_dir.mkdir(parents=True, exist_ok=True)
    _ = settings.secret  # made once, before several processes want it
    database = Database(settings.effective_database_url)
    try:
        core = migrate.status(database)[0]
    finally:
        database.dispose()
    if core.state == "current":
        return
    if core.current is not None:
        raise ConfigurationError(
            f"The database is at revision {core.current}, this version of EXACT needs {core.head}. "
            "Back it up, then run: exact db upgrade"
        )
    click.echo("Setting up a new database …", err=True)
    command = [sys.executable, "-m", "exact_core", "db", "upgrade"]
    done = subprocess.run(  # noqa: S603 - fixed arguments
        command, env={**os.environ, **as_environment(settings)}, stdout=subprocess.DEVNULL, check=False
    )
    if done.returncode:
        raise ConfigurationError("The database could not be set up; the reason stands above.")


def administrator_link(settings: Settings, url: str) -> str:
    """A one-time link for the first administrator; empty when somebody can administrate."""
    from exact_core.auth.accounts import first_administrator_link
    from exact_core.storage.database import Database

    database = Database(settings.effective_database_url)
    try:
        with database.write() as session:
            link = first_administrator_link(session)
    finally:
        database.dispose()
    return link.url(settings.base_url or url) if link is not None else ""
