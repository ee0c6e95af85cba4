"""Guided screening: a slide field by field, resumed at the exact place, with proof of what was seen."""

__version__ = "1.0.0"
