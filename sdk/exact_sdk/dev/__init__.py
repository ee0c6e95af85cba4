"""``exact dev``: a throw-away instance that follows an author's edits, in Python and in the browser."""
