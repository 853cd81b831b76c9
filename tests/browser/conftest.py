"""The live stream's stage, as the bff's own tests have it."""

from tests.integration.bff.conftest import (
    bff_data,
    bff_database,
    empty_registry,
    http,
    large,
    new_desk,
    stage,
)

__all__ = ["bff_data", "bff_database", "empty_registry", "http", "large", "new_desk", "stage"]
