"""What is remembered of keys in this process, and when it must be forgotten."""

from collections.abc import Mapping

from chassis import memory
from contracts.registry import ProductPublishedV1, ProductRetiredV1
from services.registry.api_keys.model import KnownKey

SUBJECTS = (
    *("registry.api_key.>", "registry.tenant.>", "registry.entitlements.>"),
    *(ProductRetiredV1.type, ProductPublishedV1.type),
)
OWN = ("api_key/", "product/")
"""Things that events are about; all else is about a tenant."""


class Memory(memory.Memory[bytes, KnownKey]):
    """Keys by digest."""

    def __init__(self, most: int, seconds: float) -> None:
        super().__init__(most, seconds, names_of)

    def hear(self, _: str, headers: Mapping[str, str]) -> None:
        """A message of the registry's stream: forget what it is about."""
        about = headers.get("ce-subject", "")
        self.touch(about if about.startswith(OWN) else f"tenant/{headers.get('ce-tenantid', '')}")


def names_of(known: KnownKey) -> tuple[str, ...]:
    """What events call the things that this answer depends on."""
    return f"api_key/{known.key_id}", f"tenant/{known.tenant_id}", f"product/{known.product}"
