"""Revisions of the plugin's tables, oldest first."""
