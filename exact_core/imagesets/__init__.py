"""Image sets: who owns them, who has which role, tags and pins."""
