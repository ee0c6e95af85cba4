"""Branches: image sets made from a version to try something out, and merging them back, object by object."""
