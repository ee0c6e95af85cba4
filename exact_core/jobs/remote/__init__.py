"""Workers that reach the instance over HTTPS only: both sides of it."""
