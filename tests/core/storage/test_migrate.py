"""The schema of the core and of plugins: fresh start, upgrades, checks, and who touches whose tables."""

from __future__ import annotations

from pathlib import Path

import alembic.command
import pytest
from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table, delete, func, inspect, select, text

from exact_core.api.errors import ConfigurationError
from exact_core.storage import migrate
from exact_core.storage.database import Database
from exact_core.storage.models import Annotation, AnnotationDetail, Image, ImageSet, Team

ENGINES = [
    pytest.param("sqlite", id="sqlite"),
    pytest.param("postgresql", id="postgresql", marks=pytest.mark.postgres),
]


@pytest.fixture(params=ENGINES)
def empty(request, tmp_path):
    """A database without any table."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'empty.sqlite3'}")
        yield database
        database.dispose()
        return
    server = request.getfixturevalue("postgres_server")
    with server.temporary() as name:
        database = Database(server.url_of(name))
        yield database
        database.dispose()


def make_schema(folder: Path, name: str = "demoplug", columns: int = 1) -> migrate.Schema:
    metadata = MetaData()
    Table(
        f"{name}_note",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("image_id", ForeignKey(Image.id, ondelete="CASCADE"), nullable=False),
        *(Column(f"text{number}", String(20)) for number in range(columns)),
    )
    folder.mkdir(exist_ok=True)
    return migrate.Schema(name, metadata, folder)


FIRST = """
import sqlalchemy as sa
from alembic import op
revision = "0001"
down_revision = None
def upgrade():
    op.create_table("demoplug_note", sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("image_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
                  sa.ForeignKey("image.id", ondelete="CASCADE"), nullable=False),
        sa.Column("text0", sa.String(20)))
def downgrade():
    op.drop_table("demoplug_note")
"""


def tables(database: Database) -> set[str]:
    return set(inspect(database.engine).get_table_names())


def test_a_fresh_database_gets_the_tables_that_the_models_describe(empty):
    assert migrate.status(empty)[0].state == "pending"
    found = migrate.upgrade(empty)
    assert [(each.name, each.state) for each in found] == [("core", "current")]
    assert migrate.check(empty) == {"core": []}
    assert migrate.upgrade(empty) == found  # again changes nothing


def test_a_difference_is_found(empty):
    migrate.upgrade(empty)
    with empty.migrating() as connection:
        connection.execute(text("ALTER TABLE tag ADD COLUMN colour VARCHAR(7)"))
    assert any("colour" in each for each in migrate.check(empty)["core"])


def test_a_plugin_has_a_version_table_of_its_own_and_the_core_leaves_its_tables_alone(empty, tmp_path):
    schema = make_schema(tmp_path / "versions")
    (schema.versions / "0001_initial.py").write_text(FIRST)
    found = migrate.upgrade(empty, [schema])
    assert [(each.name, each.state) for each in found] == [("core", "current"), ("demoplug", "current")]
    assert {"demoplug_note", "alembic_version_demoplug", "alembic_version"} <= tables(empty)
    assert migrate.check(empty, [schema]) == {"core": [], "demoplug": []}
    # Uninstalled, its tables stay, and the core neither minds nor wants to drop them.
    assert migrate.check(empty) == {"core": []}
    assert migrate.upgrade(empty)[0].state == "current"
    migrate.purge(empty, schema)
    assert not {"demoplug_note", "alembic_version_demoplug"} & tables(empty)
    assert migrate.check(empty) == {"core": []}


def test_the_next_revision_is_written_from_the_difference(empty, tmp_path):
    migrate.upgrade(empty)
    schema = make_schema(tmp_path / "versions")
    first = migrate.new_revision(empty, schema, "Initial")
    assert first.name == "0001_initial.py"
    assert "tag" not in first.read_text().replace("branch", "")
    migrate.upgrade(empty, [schema])
    grown = make_schema(tmp_path / "versions", columns=2)
    assert any("text1" in each for each in migrate.check(empty, [grown])["demoplug"])
    assert migrate.new_revision(empty, grown, "Add a text").name == "0002_add_a_text.py"
    assert migrate.upgrade(empty, [grown])[1].current == "0002"
    assert migrate.check(empty, [grown]) == {"core": [], "demoplug": []}


@pytest.mark.parametrize(
    "body", ["raise RuntimeError('broken')", "op.execute('SELECT nonsense FROM nowhere')", "op.x()"]
)
def test_a_plugin_whose_revision_fails_is_reported_and_the_next_one_upgraded(empty, tmp_path, body):
    bad, good = make_schema(tmp_path / "bad", "badplug"), make_schema(tmp_path / "good")
    (bad.versions / "0001_initial.py").write_text(
        f"from alembic import op\nrevision = '0001'\ndown_revision = None\ndef upgrade():\n    {body}\n"
    )
    (good.versions / "0001_initial.py").write_text(FIRST)
    core, failed, fine = migrate.upgrade(empty, [bad, good])
    assert (core.state, failed.state, fine.state) == ("current", "failed", "current")
    assert failed.reason
    assert "badplug_note" not in tables(empty)


def test_a_newer_database_is_refused_and_says_so(empty):
    migrate.upgrade(empty)
    with empty.migrating() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert migrate.status(empty)[0].state == "newer"
    with pytest.raises(ConfigurationError, match="install the newer version"):
        migrate.upgrade(empty)


def test_two_heads_are_a_failure_that_names_the_folder(empty, tmp_path):
    schema = make_schema(tmp_path / "versions")
    (schema.versions / "0001_a.py").write_text("revision = 'a'\ndown_revision = None\n")
    (schema.versions / "0001_b.py").write_text("revision = 'b'\ndown_revision = None\n")
    found = migrate.status(empty, [schema])[1]
    assert found.state == "failed"
    assert str(schema.versions) in found.reason


def test_rebuilding_a_table_on_sqlite_loses_no_rows_that_refer_to_it(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'x.sqlite3'}")
    with database.migrating() as connection:
        connection.exec_driver_sql("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
        connection.exec_driver_sql("CREATE TABLE child (id INTEGER REFERENCES parent ON DELETE CASCADE)")
        connection.exec_driver_sql("INSERT INTO parent VALUES (1)")
        connection.exec_driver_sql("INSERT INTO child VALUES (1)")
    with database.migrating() as connection:
        connection.exec_driver_sql("CREATE TABLE parent_new (id INTEGER PRIMARY KEY, more TEXT)")
        connection.exec_driver_sql("INSERT INTO parent_new (id) SELECT id FROM parent")
        connection.exec_driver_sql("DROP TABLE parent")
        connection.exec_driver_sql("ALTER TABLE parent_new RENAME TO parent")
    with database.read() as session:
        assert session.scalar(text("SELECT count(*) FROM child")) == 1
        assert session.scalar(text("PRAGMA foreign_keys")) == 1
    with pytest.raises(ConfigurationError, match="child"), database.migrating() as connection:
        connection.exec_driver_sql("DELETE FROM parent")
    with database.read() as session:
        assert session.scalar(text("SELECT count(*) FROM parent")) == 1
    database.dispose()


def test_the_core_cannot_be_purged(empty):
    with pytest.raises(ConfigurationError, match="core"):
        migrate.purge(empty, migrate.CORE_SCHEMA)


def test_identities_lose_their_keys_and_nothing_else(empty):
    """Revision 0013 rebuilds the table on SQLite, which forgets how far it had counted."""
    migrate.upgrade(empty)
    with empty.migrating() as connection:
        alembic.command.downgrade(migrate._config(migrate.CORE_SCHEMA, connection), "0012")
    assert {key["referred_table"] for key in inspect(empty.engine).get_foreign_keys("annotation")} == {
        "image",
        "user_account",
    }
    with empty.write() as session:
        session.add(Team(id=1, name="Lab", folded_name="lab"))
        session.flush()
        session.add(ImageSet(id=1, team_id=1, name="Breast"))
        session.flush()
        session.add(Image(id=1, image_set_id=1, name="slide", file_path="-"))
        session.flush()
        session.add_all([Annotation(image_id=1, uuid="one"), Annotation(image_id=1, uuid="two")])
        session.flush()
        session.add(AnnotationDetail(annotation_id=1, valid_from=1, attributes={"grade": "low"}))
        session.execute(delete(Annotation).where(Annotation.id == 2))
    migrate.upgrade(empty)
    assert inspect(empty.engine).get_foreign_keys("annotation") == []
    with empty.write() as session:
        [detail] = session.scalars(select(AnnotationDetail))
        assert (detail.annotation_id, detail.attributes) == (1, {"grade": "low"})
        drawn = Annotation(image_id=1, uuid="three")
        session.add(drawn)
        session.flush()
        assert drawn.id == 3
        session.execute(delete(Annotation))
        assert session.scalar(select(func.count()).select_from(AnnotationDetail)) == 0
