"""Whether a tenant's handshakes are taken: an operator's flag. A round that is running goes on."""

from typing import Any
from uuid import UUID

from chassis.problems import MEDIA_TYPE
from chassis.switches import Switches
from services.sync.errors import Paused

FLAG = "sync_handshake_paused"
PAUSED_SECONDS = 30
"""So long a desktop waits before it asks again."""
DETAIL = "sync takes no handshakes for now; work offline, keep the queue and try again later"
FRENCH = (
    "la synchronisation n'accepte pas de nouvelle connexion pour le moment ; travaillez hors ligne,"
    " gardez la file d'attente et réessayez plus tard"
)


def refuse_paused(switches: Switches, tenant_id: UUID) -> None:
    """Raises Paused, and NotToldYet where no process was ever told: the default would be a guess."""
    if switches.value(FLAG, tenant_id) is not False:
        raise Paused(DETAIL, french=FRENCH, headers={"Retry-After": str(PAUSED_SECONDS)})


DOCUMENTED: dict[int | str, dict[str, Any]] = {
    503: {
        "description": "`SYNC.PAUSED`: an operator has paused handshakes for this tenant or for all; work offline and ask"
        " again after `Retry-After`. `CHASSIS.UNAVAILABLE`: a dependency is down",
        "headers": {
            "Retry-After": {
                "description": "Seconds",
                "required": True,
                "schema": {"type": "integer", "minimum": 1},
            }
        },
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "example": {
                    "type": f"urn:tenantry:problem:{Paused.code}",
                    "title": "Sync is paused",
                    "status": Paused.status,
                    "code": Paused.code,
                    "detail": DETAIL,
                    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
                },
            }
        },
    }
}
