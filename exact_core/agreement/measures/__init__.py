"""Statistics of agreement on plain arrays; nothing here knows the database."""
