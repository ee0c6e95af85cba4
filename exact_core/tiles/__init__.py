"""Pixels: sources, tile index, limited decode processes, the tile endpoint, thumbnails."""
