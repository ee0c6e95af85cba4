"""``exact demo``: EXACT on a real slide, from nothing, with one command."""
