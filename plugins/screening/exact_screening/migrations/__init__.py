"""Revisions of the tables of screening."""
