"""How much of an image one request may ask for: known to the server and to workers, which import no web framework."""

LARGEST_REGION = 4 * 1024 * 1024
"""Most pixels of one answer."""

LARGEST_SIDE = 16384
"""Most pixels of its width, and of its height."""
