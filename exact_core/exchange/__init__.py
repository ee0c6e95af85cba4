"""Bringing annotations in and out: one document model, one module per format, a report of what a format cannot hold."""
