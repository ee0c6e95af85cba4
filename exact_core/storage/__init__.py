"""The database: engine, unit of work, migrations and the mapped tables."""
