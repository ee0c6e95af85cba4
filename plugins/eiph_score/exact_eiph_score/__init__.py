"""The EIPH score (Doucet and Viel 2002) of a field of view, live, and as a heat map of the whole slide."""

__version__ = "1.0.0"
