"""Whether a plugin's tables are its own, leave the core free, and equal their migrations."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from exact_sdk.problems import Problem
from exact_sdk.subject import Subject


def its_tables_start_with_its_name(subject: Subject) -> Iterator[Problem]:
    """Every table has the plugin's prefix."""
    schema = subject.contributions.schema if subject.contributions else None
    for table in schema.metadata.tables if schema else ():
        if not table.startswith(f"{subject.name}_"):
            yield Problem(f"the table {table!r} does not start with '{subject.name}_'", subject.place_of_text(table))


def its_foreign_keys_never_hold_the_core_back(subject: Subject) -> Iterator[Problem]:
    """Foreign keys to the core cascade or null out; else rows of a plugin that is off would stop a deletion."""
    schema = subject.contributions.schema if subject.contributions else None
    for table in schema.metadata.sorted_tables if schema else ():
        for constraint in table.foreign_key_constraints:
            if constraint.referred_table.metadata is schema.metadata:  # type: ignore[union-attr]
                continue
            if (constraint.ondelete or "").upper() not in ("CASCADE", "SET NULL"):
                yield Problem(
                    f"the foreign key from {table.name!r} to {constraint.referred_table.name!r} has no ondelete",
                    subject.place_of_text(table.name),
                    'Write: ForeignKey(…, ondelete="CASCADE")',
                )


def its_migrations_go_up_and_down(subject: Subject) -> Iterator[Problem]:
    """Up, down to nothing and up again on an empty database, and the tables are those of the models each time."""
    schema = subject.contributions.schema if subject.contributions else None
    if schema is None:
        return
    from exact_core.storage import migrate
    from exact_core.storage.database import Database
    from exact_sdk.harness import prepare_database

    own = migrate.plugin_schema(subject.name, schema.metadata, schema.migrations)
    with TemporaryDirectory(prefix="exact-check-") as folder:
        url = f"sqlite:///{Path(folder) / 'check.sqlite3'}"
        prepare_database(url, [])
        database = Database(url)
        try:
            for way in ("up", "down and up again"):
                found = migrate.upgrade(database, [own])[-1]
                if found.state != "current":
                    reason = found.reason or f"they end at {found.current}"
                    yield Problem(f"the migrations do not go {way}: {reason}", str(own.versions), _NEW_REVISION)
                    return
                for difference in migrate.differences(database, own):
                    yield Problem(
                        f"after going {way} the tables differ from the models: {difference}",
                        _newest(own.versions),
                        _NEW_REVISION,
                    )
                try:
                    migrate.purge(database, own)
                except migrate.REVISION_FAILURES as error:
                    yield Problem(
                        f"the migrations do not go down: {type(error).__name__}: {error}",
                        _newest(own.versions),
                        "Write a downgrade() that takes back what upgrade() does; purging a plugin needs it.",
                    )
                    return
        finally:
            database.dispose()


_NEW_REVISION = "Write the next one by: exact db revision --plugin NAME -m 'what changes'"


def its_migrations_stand_alone(subject: Subject) -> Iterator[Problem]:
    """Revisions import neither the core nor the plugin: they must read the same in ten years."""
    schema = subject.contributions.schema if subject.contributions else None
    if schema is None or subject.folder is None:
        return
    home = subject.folder.parent.joinpath(*schema.migrations.split("."))
    for path in sorted(home.glob("[0-9]*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            for name in names:
                if name.partition(".")[0] in ("exact_core", subject.package):
                    yield Problem(
                        f"a migration imports {name}, whose tables of tomorrow are not those of this revision",
                        f"{path}:{node.lineno}",
                        "Write the columns out with sqlalchemy's own types.",
                    )


def _newest(folder: Path) -> str:
    files = sorted(folder.glob("[0-9]*.py"))
    return f"{files[-1]}:1" if files else str(folder)
