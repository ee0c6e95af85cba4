"""Which databases a test runs on: both, unless it says that the database plays no part in what it shows."""

from __future__ import annotations

import pytest

on_one_engine = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For tests of pictures and processes, whose rows are written and read the same way by tests beside them that run on
both databases."""
