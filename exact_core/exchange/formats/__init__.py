"""One module per exchange format; each has a ``FORMAT`` and knows nothing of databases, rights or files on disk."""
