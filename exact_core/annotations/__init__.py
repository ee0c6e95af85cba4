"""Annotations: geometry, spatial keys, one reading scope, views, writing, undo, counts."""
