"""Audit's own stage."""

from tests.integration.audit.conftest import audit_alone, issuer, log

__all__ = ["audit_alone", "issuer", "log"]
