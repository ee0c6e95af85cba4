"""Schema migrations of the core; ``env.py`` here also runs those of every plugin."""
