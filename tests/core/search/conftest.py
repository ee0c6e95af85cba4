"""The same lab as for annotations."""

from tests.core.annotations.conftest import application, client_of, lab, make_lab, services

__all__ = ["application", "client_of", "lab", "make_lab", "services"]
