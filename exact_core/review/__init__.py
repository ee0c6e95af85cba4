"""Modes of working together: verification, states of images, assignments, second opinions, decisions, audited acts."""
