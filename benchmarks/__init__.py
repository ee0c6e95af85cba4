"""Measured ratios: ``python -m benchmarks`` prints one JSON object per figure. Never part of the tests."""
