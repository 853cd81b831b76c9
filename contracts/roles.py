"""Who may be what: organisation roles, backoffice roles, platform roles."""

from enum import StrEnum


class OrgRole(StrEnum):
    """Roles of a member in the own organisation."""

    IT_ADMIN = "IT_ADMIN"
    CXO = "CXO"
    FINANCE = "FINANCE"
    LEGAL = "LEGAL"
    AUDITOR = "AUDITOR"
    USER = "USER"


class BackofficeRole(StrEnum):
    """Roles of a member at a property."""

    FRONT_DESK = "front_desk"
    HOUSEKEEPING = "housekeeping"
    MAINTENANCE = "maintenance"
    GENERAL_MANAGER = "general_manager"


class RealmRole(StrEnum):
    """Roles of our own staff."""

    PLATFORM_ADMIN = "PLATFORM_ADMIN"
    SUPPORT_ENGINEER = "SUPPORT_ENGINEER"
    SALES_REP = "SALES_REP"
    CUSTOMER_SUCCESS = "CUSTOMER_SUCCESS"
    SRE = "SRE"


SERVICE_ROLE_PREFIX = "service:"
"""A service's token carries the realm role `service:<name>`."""
PRODUCT_PREFIX = "product:"
"""A product calls as the service `product:<key>`."""
