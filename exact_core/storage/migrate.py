"""Brings the database to the schema of the installed code: the core, then each plugin with its own version table."""

from __future__ import annotations

import importlib.util
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import alembic.command
from alembic.autogenerate import compare_metadata
from alembic.autogenerate.api import AutogenContext
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import JSON, Connection, MetaData, inspect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import SchemaItem

import exact_core.migrations
from exact_core.api.errors import ConfigurationError, ExactError
from exact_core.storage.database import Database
from exact_core.storage.models import Base, UtcDateTime

if TYPE_CHECKING:
    from exact_core.api.contributions import PluginSchema

CORE = "core"
_CORE_VERSIONS = "alembic_version"
_PLUGIN_VERSIONS = "alembic_version_"
_HOME = Path(exact_core.migrations.__file__).parent

REVISION_FAILURES = (
    ExactError,
    SQLAlchemyError,
    CommandError,
    ImportError,
    SyntaxError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NameError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What a plugin's revision file can fail with; the schemas after it are still upgraded."""

State = Literal["current", "pending", "newer", "failed"]


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables of the core or of one plugin, and the folder of their revisions."""

    name: str
    metadata: MetaData
    versions: Path

    @property
    def version_table(self) -> str:
        """The table that keeps the revision this schema is at."""
        return _CORE_VERSIONS if self.name == CORE else f"{_PLUGIN_VERSIONS}{self.name}"

    def owns(self, table: str, plugin_prefixes: Iterable[str]) -> bool:
        """Whether a table of the database is this schema's business."""
        if table.startswith(_CORE_VERSIONS):
            return False
        if self.name != CORE:
            return table.startswith(f"{self.name}_") and table not in Base.metadata.tables
        return table in Base.metadata.tables or not table.startswith(tuple(plugin_prefixes))


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """Where one schema is and where the installed code wants it to be."""

    name: str
    current: str | None
    head: str | None
    state: State
    reason: str = ""


CORE_SCHEMA = Schema(CORE, Base.metadata, _HOME / "versions")


def plugin_schema(name: str, metadata: MetaData, package: str) -> Schema:
    """The schema of a plugin whose revision files lie in an importable package."""
    spec = importlib.util.find_spec(package)
    places = list(spec.submodule_search_locations or ()) if spec else []
    if not places:
        raise ConfigurationError(f"Plugin {name}: its migrations package {package} cannot be found.")
    return Schema(name, metadata, Path(places[0]))


def plugin_schemas(contributed: Iterable[tuple[str, PluginSchema]]) -> list[Schema]:
    """The schemas of plugins as ``kernel.index.schemas()`` gives them, in that order."""
    return [plugin_schema(name, each.metadata, each.migrations) for name, each in contributed]


def upgrade(database: Database, plugins: Iterable[Schema] = ()) -> list[SchemaStatus]:
    """Bring the core and then each plugin to its newest revision; a plugin that fails is reported, not raised."""
    plugins = list(plugins)
    _run(database, CORE_SCHEMA, plugins)
    failures: dict[str, str] = {}
    for schema in plugins:
        try:
            _run(database, schema, plugins)
        except REVISION_FAILURES as error:
            failures[schema.name] = f"{type(error).__name__}: {error}"
    found = status(database, plugins)
    return [
        SchemaStatus(s.name, s.current, s.head, "failed", failures[s.name]) if s.name in failures else s for s in found
    ]


def status(database: Database, plugins: Iterable[Schema] = ()) -> list[SchemaStatus]:
    """The state of every schema, core first."""
    with database.engine.connect() as connection:
        return [_status(connection, schema) for schema in (CORE_SCHEMA, *plugins)]


def is_current(database: Database) -> bool:
    """Whether the core's tables are those of the installed code."""
    return status(database)[0].state == "current"


def check(database: Database, plugins: Iterable[Schema] = ()) -> dict[str, list[str]]:
    """Differences between the models and the real schema, by schema name; empty lists mean none."""
    plugins = list(plugins)
    with database.engine.connect() as connection:
        return {schema.name: _differences(connection, schema, plugins) for schema in (CORE_SCHEMA, *plugins)}


def differences(database: Database, schema: Schema) -> list[str]:
    """Differences between the models and the real tables of one schema."""
    with database.engine.connect() as connection:
        return _differences(connection, schema, [schema])


def new_revision(database: Database, schema: Schema, message: str, plugins: Iterable[Schema] = ()) -> Path:
    """Write the next revision file from the difference between the models and an upgraded database."""
    script = ScriptDirectory.from_config(_config(schema))
    number = f"{len(list(script.walk_revisions())) + 1:04d}"
    with database.migrating() as connection:
        config = _config(schema, connection, list(plugins))
        made = alembic.command.revision(config, message, autogenerate=True, rev_id=number)
    assert made is not None
    assert not isinstance(made, list)
    path = Path(made.path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if "Alembic" not in line))  # its banners say nothing
    return path


def purge(database: Database, schema: Schema) -> None:
    """Remove every table of a plugin with its data; the only way that data of a plugin is lost."""
    if schema.name == CORE:
        raise ConfigurationError("The tables of the core cannot be purged.")
    with database.migrating() as connection:
        alembic.command.downgrade(_config(schema, connection), "base")
        connection.exec_driver_sql(f'DROP TABLE IF EXISTS "{schema.version_table}"')


def _run(database: Database, schema: Schema, plugins: list[Schema]) -> None:
    with database.migrating() as connection:
        found = _status(connection, schema)
        if found.state == "newer":
            raise ConfigurationError(f"The tables of {schema.name} cannot be used: {found.reason}")
        if found.state == "pending":
            alembic.command.upgrade(_config(schema, connection, plugins), "head")


def _status(connection: Connection, schema: Schema) -> SchemaStatus:
    script = ScriptDirectory.from_config(_config(schema))
    heads = script.get_heads()
    if len(heads) != 1:
        reason = f"its revisions in {schema.versions} have {len(heads)} newest ones; there must be one"
        return SchemaStatus(schema.name, None, None, "failed", reason)
    current = MigrationContext.configure(
        connection, opts={"version_table": schema.version_table}
    ).get_current_revision()
    if current == heads[0]:
        return SchemaStatus(schema.name, current, heads[0], "current")
    if current is not None and current not in {revision.revision for revision in script.walk_revisions()}:
        reason = f"they are at revision {current}, which this version does not know; install the newer version"
        return SchemaStatus(schema.name, current, heads[0], "newer", reason)
    return SchemaStatus(schema.name, current, heads[0], "pending", "run: exact db upgrade")


def _differences(connection: Connection, schema: Schema, plugins: list[Schema]) -> list[str]:
    options: dict[str, Any] = {
        "version_table": schema.version_table,
        "include_object": _filter(connection, schema, plugins),
        "compare_type": True,
    }
    context = MigrationContext.configure(connection, opts=options)
    return [_describe(difference) for difference in compare_metadata(context, schema.metadata)]


def _describe(difference: Any) -> str:
    if isinstance(difference, list):  # changes of one column come as a list
        return "; ".join(_describe(part) for part in difference)
    return " ".join(str(part) for part in difference if part is not None)


def _config(schema: Schema, connection: Connection | None = None, plugins: Iterable[Schema] = ()) -> Config:
    config = Config(stdout=io.StringIO())
    config.set_main_option("path_separator", "os")
    config.set_main_option("script_location", str(_HOME).replace("%", "%%"))
    config.set_main_option("version_locations", str(schema.versions).replace("%", "%%"))
    assert os.pathsep not in str(schema.versions)
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    if connection is not None:
        config.attributes["connection"] = connection
        config.attributes["schema"] = schema
        config.attributes["include_object"] = _filter(connection, schema, plugins)
        config.attributes["render_item"] = _render
    return config


def _filter(connection: Connection, schema: Schema, plugins: Iterable[Schema]) -> Any:
    """Keep each schema to its own tables: unfiltered, the core would propose to drop those of every plugin."""
    tables = inspect(connection).get_table_names()
    installed = {name.removeprefix(_PLUGIN_VERSIONS) for name in tables if name.startswith(_PLUGIN_VERSIONS)}
    prefixes = sorted(f"{name}_" for name in installed | {plugin.name for plugin in plugins})

    def include(item: SchemaItem, name: str | None, kind: str, _reflected: bool, _other: SchemaItem | None) -> bool:
        table = name if kind == "table" else getattr(getattr(item, "table", None), "name", None)
        return table is None or schema.owns(table, prefixes)

    return include


def _render(kind: str, item: Any, context: AutogenContext) -> str | Literal[False]:
    """Spell our column types with SQLAlchemy's own, so that old revisions never import today's code."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, JSON):
        context.imports.add("from sqlalchemy.dialects import postgresql")
        return 'sa.JSON().with_variant(postgresql.JSONB(), "postgresql")'
    return False
