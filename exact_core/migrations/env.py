"""Runs revisions of the core or of one plugin on a connection that ``storage/migrate.py`` hands over."""

from alembic import context

attributes = context.config.attributes
context.configure(
    connection=attributes["connection"],
    target_metadata=attributes["schema"].metadata,
    version_table=attributes["schema"].version_table,
    include_object=attributes["include_object"],
    render_item=attributes["render_item"],
    compare_type=True,
    render_as_batch=attributes["connection"].dialect.name == "sqlite",
    transactional_ddl=False,  # the caller owns the transaction, around all revisions
)
context.run_migrations()
