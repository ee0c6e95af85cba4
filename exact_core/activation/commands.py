"""``exact plugins``, and the command groups that plugins add under their own names."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from sqlalchemy import delete, inspect

from exact_core.activation.plugin_commands import CommandsOf
from exact_core.activation.starting import make_kernel, plugin_files
from exact_core.activation.store import EPOCH
from exact_core.api.errors import Conflict, NotFound, PluginError
from exact_core.kernel.discovery import discover
from exact_core.kernel.hook_reference import hook_reference
from exact_core.kernel.kernel import Kernel
from exact_core.kernel.records import PluginRecord
from exact_core.settings import Settings
from exact_core.storage import migrate
from exact_core.storage.database import Database
from exact_core.storage.epochs import raise_epoch
from exact_core.storage.models import ImageSetPlugin, PluginFault


@click.group()
def plugins() -> None:
    """List, check and purge plugins."""


@plugins.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
def list_(as_json: bool) -> None:
    """List installed plugins with state and reason."""
    with _kernel() as (kernel, _):
        _print(kernel.plugins(), as_json)


@plugins.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@click.pass_context
def check(context: click.Context, as_json: bool) -> None:
    """List plugins and environments of plugins that need attention; exits with 1 when there is one."""
    from exact_core.jobs.hosts.environments import examine

    problems = examine(Settings())
    for problem in problems:
        click.echo(problem, err=True)
    with _kernel() as (kernel, _):
        unhealthy = [record for record in kernel.plugins() if not record.state.is_healthy]
        if unhealthy or as_json:
            _print(unhealthy, as_json)
        else:
            click.echo(f"{len(kernel.plugins())} plugins installed, none needs attention.")
    context.exit(1 if unhealthy or problems else 0)


@plugins.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask for the name again.")
def purge(name: str, yes: bool) -> None:
    """Delete all data of a plugin: its tables, switches, kept faults and files.

    Without it, switching off or uninstalling a plugin loses nothing.
    """
    with _kernel() as (kernel, database):
        record = kernel.records.get(name)
        schema = record.contributions.schema if record and record.contributions else None
        if schema is None and inspect(database.engine).has_table(f"alembic_version_{name}"):
            raise Conflict(
                f"The plugin {name!r} has tables, but does not load; install a version that does, then purge."
            )
        if record is None and not _has_rows(database, name):
            raise NotFound(f"No plugin {name!r} is installed, and none has left data here.")
        if not yes and click.prompt(f"This deletes all data of {name!r}. Type its name to go on") != name:
            raise click.Abort
        if schema is not None:
            migrate.purge(database, migrate.plugin_schema(name, schema.metadata, schema.migrations))
        with database.write() as session:
            session.execute(delete(ImageSetPlugin).where(ImageSetPlugin.plugin == name))
            session.execute(delete(PluginFault).where(PluginFault.plugin == name))
            raise_epoch(session, EPOCH)
    shutil.rmtree(plugin_files(Settings().data_dir, name), ignore_errors=True)
    click.echo(f"All data of {name} is deleted.")


@plugins.command()
@click.option("--write", "path", type=click.Path(dir_okay=False, path_type=Path), help="File to write.")
def docs(path: Path | None) -> None:
    """Print the reference of hooks."""
    if path is None:
        click.echo(hook_reference(), nl=False)
    else:
        path.write_text(hook_reference(), encoding="utf-8")


def plugin_command_group(name: str) -> click.Group | None:
    """The commands that an installed plugin adds below ``exact <name>``, or nothing."""
    if not any(candidate.name == name for candidate in discover()):
        return None
    with _kernel() as (kernel, _):
        record = kernel.records[name]
        if not record.state.is_running:
            raise PluginError(503, "plugin-not-loaded", f"The plugin {name} is not loaded: {record.reason}")
        obj = {"obj": CommandsOf(name)}
        group = click.Group(name, help=f"Commands of the plugin {record.title}.", context_settings=obj)
        kernel.hooks.cli(name, group)
        faults = kernel.faults.recent(name)
    if faults:
        raise PluginError(500, "plugin-failed", f"The plugin {name} failed in {faults[0].place}: {faults[0].message}")
    return group if group.commands else None


@contextmanager
def _kernel() -> Iterator[tuple[Kernel, Database]]:
    settings = Settings()
    database = Database(settings.effective_database_url)
    try:
        yield make_kernel(settings, database), database
    finally:
        database.dispose()


def _has_rows(database: Database, name: str) -> bool:
    if not inspect(database.engine).has_table(ImageSetPlugin.__tablename__):
        return False
    with database.read() as session:
        return session.query(ImageSetPlugin).filter_by(plugin=name).first() is not None


def _print(records: list[PluginRecord], as_json: bool) -> None:
    if as_json:
        for each in records:
            facts = {"name": each.name, "distribution": each.distribution, "version": each.version}
            click.echo(json.dumps({**facts, "state": each.state.value, "reason": each.reason}))
        return
    if not records:
        click.echo("No plugin is installed.")
    for each in records:
        click.echo(f"{each.name:<24} {each.version:<12} {each.state:<18} {each.distribution}")
        for line in (each.reason, *each.warnings):
            if line:
                click.echo(f"    {line}")
