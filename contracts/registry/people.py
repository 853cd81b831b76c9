"""Members and the devices that they work on."""

from typing import Annotated, ClassVar
from uuid import UUID

from contracts.event import ACTOR, Event, Part, personal


class MemberEvent(Event):
    """An event about one member of a tenant. No address travels on the bus."""

    aggregate: ClassVar = "member"
    aggregate_field: ClassVar = "member_id"

    tenant_id: UUID
    member_id: str
    """The member's `sub` at the identity provider."""


class MemberInvitedV1(MemberEvent):
    """A member was invited; the invitation's mail is the notifier's."""

    type: ClassVar = "registry.member.invited.v1"

    org_roles: tuple[str, ...]
    backoffice_roles: tuple[str, ...]
    properties: tuple[str, ...]


class MemberJoinedV1(MemberEvent):
    """A member can sign in."""

    type: ClassVar = "registry.member.joined.v1"

    org_roles: tuple[str, ...]
    backoffice_roles: tuple[str, ...]
    properties: tuple[str, ...]


class MemberRolesChangedV1(MemberEvent):
    """The member's roles in its organisation after a change; its tokens say so from the next one on."""

    type: ClassVar = "registry.member.roles_changed.v1"

    org_roles: tuple[str, ...]


class PropertyScope(Part):
    """What a member may do at one property; without a role it looks on."""

    property: str
    backoffice_roles: tuple[str, ...]


class MemberScopeChangedV1(MemberEvent):
    """The member's whole scope after a change: where it may work, and as what. Said once per change, never for a repeat."""

    type: ClassVar = "registry.member.scope_changed.v1"

    backoffice_roles: tuple[str, ...]
    """Of all its properties together."""
    properties: tuple[str, ...]
    scopes: tuple[PropertyScope, ...] | None = None
    """The same by property."""


class MemberDeactivatedV1(MemberEvent):
    """The member may no longer come in: its sessions end and it has no scope any more. `joined` takes this back."""

    type: ClassVar = "registry.member.deactivated.v1"


class DeviceEvent(Event):
    """An event about one enrolled desktop installation."""

    aggregate: ClassVar = "device"
    aggregate_field: ClassVar = "device_id"

    tenant_id: UUID
    device_id: UUID
    jkt: str
    """RFC 7638 thumbprint of the device's public key."""


class DeviceEnrolledV1(DeviceEvent):
    """A device proved possession of its key, vouched for by a member with a second factor."""

    type: ClassVar = "registry.device.enrolled.v1"

    member_id: str
    property: str
    cohort: str


class DeviceRevokedV1(DeviceEvent):
    """The device may no longer come in; its sessions end."""

    type: ClassVar = "registry.device.revoked.v1"

    reason: Annotated[str, personal(ACTOR)]
    """In the words of who did it."""
