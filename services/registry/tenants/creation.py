"""What a new tenant needs elsewhere before its rows are written; the same for operators and for who starts a trial."""

from uuid import UUID

from services.registry.identity import IdentityProvider, NewMember
from services.registry.tenants.operations import NewTenant


async def make_known(
    identity: IdentityProvider, tenant_id: UUID, asked: NewTenant, first: NewMember
) -> tuple[str, str]:
    """Ids of the organisation and its first member. Raises IdentityUnavailable, AddressTaken.

    Outside any transaction: each is found or created, so that a crash here is mended by trying again.
    """
    org_id = await identity.find_or_create_organisation(str(tenant_id), asked.slug, asked.name)
    # At once, not by the later push: whoever signs in first must get a token that names the tenant.
    await identity.set_attributes(org_id, {"tenant_id": [str(tenant_id)]})
    return org_id, await identity.find_or_create_member(org_id, first)
