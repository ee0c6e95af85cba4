"""Plugins in image sets: switches, settings, the required mark, and the stored log of faults."""
