"""Members as callers: the token of one that was deactivated is good no more, though it has not expired."""

from chassis.auth import IsRevoked
from chassis.db import Database
from contracts.claims import Claims
from services.registry.members.store import queries


def deactivated_in(database: Database) -> IsRevoked:
    """For `Authenticate`. Services and our own staff are nobody's members. Raises DatabaseUnavailable."""

    async def is_revoked(claims: Claims) -> bool:
        if claims.tenant_id is None or claims.realm_roles:
            return False
        async with database.reading(claims.tenant_id) as tx:
            row = await queries.member_by_id(tx, tenant_id=claims.tenant_id, member_id=claims.sub)
        return row is not None and row["deactivated_at"] is not None

    return is_revoked
