"""``exact plugins``: what scripts read, and how data of a plugin is deleted."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result
from exact_sdk.fakedist import FakeDistributions
from sqlalchemy import inspect, text

from exact_core.cli import main
from exact_core.kernel import Kernel
from exact_core.settings import Settings
from exact_core.storage import migrate
from exact_core.storage.database import Database
from exact_core.storage.models import ImageSetPlugin

SCHEMA = """
    from sqlalchemy.orm import Mapped, mapped_column
    from exact_core.api import *
    from exact_core.api.tables import plugin_base

    Base = plugin_base("notes")

    class Note(Base):
        __tablename__ = "notes_note"
        id: Mapped[int] = mapped_column(primary_key=True)

    @hookimpl
    def exact_schema():
        return PluginSchema(Base.metadata, "exact_notes.migrations")

    @hookimpl
    def exact_cli(group):
        import click
        group.add_command(click.Command("count", callback=lambda: click.echo("counted")))
"""
REVISION = """
    import sqlalchemy as sa
    from alembic import op

    revision = "0001"
    down_revision = None

    def upgrade():
        op.create_table("notes_note", sa.Column("id", sa.Integer, primary_key=True))

    def downgrade():
        op.drop_table("notes_note")
"""


@pytest.fixture
def run(settings: Settings, fakes: FakeDistributions, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """``run("plugins", "list")`` as a script would, against the test's database and throw-away plugins."""
    monkeypatch.setenv("EXACT_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("EXACT_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("EXACT_PLUGINS", "counts,needy,notes,broken")
    files = {"migrations/__init__.py": "", "migrations/0001_initial.py": REVISION}
    fakes.add("notes", SCHEMA, files={"plugin.py": SCHEMA, **files})
    return lambda *arguments, **more: CliRunner().invoke(main, list(arguments), **more)


def rows(result: Result) -> dict[str, dict[str, str]]:
    found = [json.loads(line) for line in result.output.splitlines()]
    return {row["name"]: row for row in found if row["state"] != "blocked"}


def test_the_list_is_one_json_object_per_line(run: Callable[..., Result]) -> None:
    result = run("plugins", "list", "--json")
    assert result.exit_code == 0
    assert set(rows(result)) == {"counts", "needy", "notes"}
    assert rows(result)["counts"] == {
        "name": "counts",
        "distribution": "exact-counts",
        "version": "1.0.0",
        "state": "loaded",
        "reason": "",
    }
    assert "counts" in run("plugins", "list").output


def test_check_fails_while_a_plugin_needs_attention(
    run: Callable[..., Result], fakes: FakeDistributions, database: Database, kernel_of: Callable[[], Kernel]
) -> None:
    pending = run("plugins", "check", "--json")
    assert pending.exit_code == 1
    assert rows(pending)["notes"]["state"] == "pending_migration"
    assert "exact db upgrade" in rows(pending)["notes"]["reason"]
    upgrade(database, kernel_of())
    healthy = run("plugins", "check")
    assert (healthy.exit_code, "none needs attention" in healthy.output) == (0, True)
    fakes.add("broken", "import nothing_like_it")
    broken = run("plugins", "check")
    assert broken.exit_code == 1
    assert "nothing_like_it" in broken.output


def test_purge_asks_for_the_name_and_deletes_all_data_of_the_plugin(
    run: Callable[..., Result],
    settings: Settings,
    database: Database,
    kernel_of: Callable[[], Kernel],
    make_image_set: Callable[..., int],
) -> None:
    upgrade(database, kernel_of())
    files = settings.data_dir / "plugins" / "notes"
    files.mkdir(parents=True)
    image_set = make_image_set()
    with database.write() as session:
        session.execute(text("INSERT INTO notes_note (id) VALUES (1)"))
        session.add(ImageSetPlugin(image_set_id=image_set, plugin="notes", enabled=True))
    refused = run("plugins", "purge", "notes", input="note\n")
    assert refused.exit_code == 1
    assert inspect(database.engine).has_table("notes_note")
    done = run("plugins", "purge", "notes", input="notes\n")
    assert done.exit_code == 0, done.output
    assert not inspect(database.engine).has_table("notes_note")
    assert not files.exists()
    with database.read() as session:
        assert session.query(ImageSetPlugin).count() == 0
    assert run("plugins", "purge", "nonsense", "--yes").exit_code == 1


def test_a_plugin_adds_commands_under_its_name(run: Callable[..., Result], fakes: FakeDistributions) -> None:
    assert run("notes", "count").output == "counted\n"
    assert "No such command" in run("counts", "anything").output
    fakes.add("broken", "import nothing_like_it")
    assert "nothing_like_it" in run("broken", "x").output


def upgrade(database: Database, kernel: Kernel) -> None:
    """What ``exact db upgrade`` does."""
    found = migrate.upgrade(database, migrate.plugin_schemas(kernel.index.schemas()))
    assert {each.state for each in found} == {"current"}
