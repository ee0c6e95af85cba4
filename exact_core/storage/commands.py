"""``exact db``: create, upgrade and check the database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from exact_core.api.errors import ConfigurationError
from exact_core.settings import Settings
from exact_core.storage import migrate
from exact_core.storage.database import Database

if TYPE_CHECKING:
    from exact_core.kernel.kernel import Kernel
    from exact_core.storage.migrate import Schema, SchemaStatus


@contextmanager
def opened() -> Iterator[Database]:
    """The instance's database, as the settings say."""
    database = Database(Settings().effective_database_url)
    try:
        yield database
    finally:
        database.dispose()


@contextmanager
def ready_database(settings: Settings) -> Iterator[Database]:
    """The database for commands that use it: an empty one is set up, an old one is refused with what to do."""
    database = Database(settings.effective_database_url)
    try:
        core = migrate.status(database)[0]
        if core.current is None:
            migrate.upgrade(database, installed_schemas(settings))
        elif core.state != "current":
            raise ConfigurationError(f"The database is at revision {core.current}, not {core.head}: {core.reason}.")
        yield database
    finally:
        database.dispose()


def installed_schemas(settings: Settings | None = None) -> list[Schema]:
    """The schemas of the plugins that are installed and load, in the order that they need each other."""
    return migrate.plugin_schemas(_kernel(settings or Settings()).index.schemas())


def _kernel(settings: Settings) -> Kernel:
    from exact_core.kernel.kernel import Kernel
    from exact_core.kernel.loader import Choice

    return Kernel(choice=Choice(settings.plugins, settings.disabled_plugins, settings.safe_mode))


@click.group()
def db() -> None:
    """Create, upgrade and check the database."""


@db.command()
@click.option("--plugin", "only", metavar="NAME", help="Upgrade the core and this plugin only.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def upgrade(only: str | None, as_json: bool) -> None:
    """Bring the tables of the core and of every installed plugin to the installed version."""
    schemas = [_one(only)] if only and only != migrate.CORE else [] if only else installed_schemas()
    with opened() as database:
        found = migrate.upgrade(database, schemas)
    _print(found, as_json)
    if any(each.state != "current" for each in found):
        raise click.exceptions.Exit(1)


@db.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def status(as_json: bool) -> None:
    """Show at which revision the tables are. Exits with 1 when something is to be upgraded."""
    with opened() as database:
        found = migrate.status(database, installed_schemas())
    _print(found, as_json)
    if any(each.state != "current" for each in found):
        raise click.exceptions.Exit(1)


@db.command()
def check() -> None:
    """Compare the tables with what the installed code expects. Exits with 1 on a difference."""
    with opened() as database:
        found = migrate.check(database, installed_schemas())
    for name, differences in found.items():
        click.echo(f"{name}: {'as expected' if not differences else 'differs'}")
        for difference in differences:
            click.echo(f"  {difference}")
    if any(found.values()):
        raise click.exceptions.Exit(1)


@db.command()
@click.option("--plugin", "name", metavar="NAME", help="Write it for this plugin instead of the core.")
@click.option("-m", "--message", required=True, help="What the revision does.")
def revision(name: str | None, message: str) -> None:
    """For developers: write the next revision file from the difference between models and database."""
    schema = _one(name) if name else migrate.CORE_SCHEMA
    with opened() as database:
        click.echo(migrate.new_revision(database, schema, message, installed_schemas()))


def _one(name: str) -> Schema:
    for schema in installed_schemas():
        if schema.name == name:
            return schema
    record = _kernel(Settings()).records.get(name)
    if record is None:
        raise click.ClickException(f"No plugin {name!r} is installed; see: exact plugins list")
    if not record.state.is_running:
        raise click.ClickException(f"The plugin {name!r} did not load ({record.state}): {record.reason}")
    raise click.ClickException(f"The plugin {name!r} has no tables: it gives no exact_schema.")


def _print(found: list[SchemaStatus], as_json: bool) -> None:
    for each in found:
        if as_json:
            line = {
                "name": each.name,
                "current": each.current,
                "head": each.head,
                "state": each.state,
                "reason": each.reason,
            }
            click.echo(json.dumps(line))
        else:
            reason = f": {each.reason}" if each.reason else ""
            click.echo(f"{each.name}: {each.state}, at {each.current or 'nothing'} of {each.head}{reason}")
