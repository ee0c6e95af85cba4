"""The lab of studies."""

from tests.core.agreement.studies.lab import lab, services

__all__ = ["lab", "services"]
