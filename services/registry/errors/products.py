"""Errors about the catalogue, what products do and what is used of them."""

from chassis.errors import Conflict, Forbidden, Invalid, NotFound


class ProductUnknown(Invalid):
    """The catalogue has no such product."""

    code = "REGISTRY.PRODUCT_UNKNOWN"


class ProductNotFound(NotFound):
    """The catalogue has no such product."""

    code = "REGISTRY.PRODUCT_NOT_FOUND"


class UsageRefused(Invalid):
    """The batch says something that cannot be."""

    code = "REGISTRY.USAGE_REFUSED"


class VersionNotNewer(Conflict):
    """A published version never changes."""

    code = "REGISTRY.VERSION_NOT_NEWER"


class BreakingManifest(Invalid):
    """Somebody relies on what this manifest takes away."""

    code = "REGISTRY.BREAKING_MANIFEST"


class ProductNotConnected(Conflict):
    """The product's manifest names no address, so it cannot be called."""

    code = "REGISTRY.PRODUCT_NOT_CONNECTED"


class ProbeRunning(Conflict):
    """Somebody is probing the product at this moment."""

    code = "REGISTRY.PROBE_RUNNING"


class ActionUnknown(NotFound):
    """The product's manifest names no such action."""

    code = "REGISTRY.ACTION_UNKNOWN"


class NotEntitled(Forbidden):
    """The tenant may not use the product."""

    code = "REGISTRY.NOT_ENTITLED"


class ProjectNotFound(NotFound):
    """The tenant has no such project."""

    code = "REGISTRY.PROJECT_NOT_FOUND"


class ProjectTaken(Conflict):
    """The tenant has, or had, a project of this id."""

    code = "REGISTRY.PROJECT_TAKEN"


class ProjectArchived(Conflict):
    """The project ended for good."""

    code = "REGISTRY.PROJECT_ARCHIVED"


class ProjectRefused(Invalid):
    """What names the project cannot be of it: there is none, it is archived, or the product knows no projects."""

    code = "REGISTRY.PROJECT_REFUSED"


class DefaultStays(Conflict):
    """Every tenant has the project `default`."""

    code = "REGISTRY.DEFAULT_PROJECT_STAYS"
