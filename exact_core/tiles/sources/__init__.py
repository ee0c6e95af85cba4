"""Built-in readers of pictures; imported in limited processes only."""
