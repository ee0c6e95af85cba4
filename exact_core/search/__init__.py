"""Searching annotations: the query language, what it compiles to, saved searches, changing all hits at once."""
