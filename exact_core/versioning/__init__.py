"""Versions of image sets: named revisions, content hash, manifest, differences, splits, branches and merges."""
