"""Splits: the images of a version dealt out to parts, with those of one patient or centre kept together."""
