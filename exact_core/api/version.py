"""The version of the plugin contract."""

API_VERSION = "1.1"
"""Semantic: new hooks and new optional arguments raise the second number, removals the first."""
