"""Composes the registry: the only file that knows all the others."""

from pathlib import Path

from chassis.auth import Authenticate
from chassis.backbone import backbone, connect
from chassis.clock import SystemClock
from chassis.pages import PageTokens
from chassis.runtime import Service
from chassis.service_tokens import ServiceTokens
from services.registry import addressees, directory, me
from services.registry.api_keys.parts import ApiKeys
from services.registry.catalogue import api as catalogue
from services.registry.demo import api as demo
from services.registry.demo.products import HttpProducts
from services.registry.demo.reset import DemoResets
from services.registry.devices import api as devices
from services.registry.entitlements import api as entitlements
from services.registry.entitlements.pushes import ClaimsPusher
from services.registry.erp import LocalErp
from services.registry.flags import api as flags
from services.registry.floors import api as floors
from services.registry.identity import LocalIdentity
from services.registry.keeper import Keeper
from services.registry.leads import api as leads
from services.registry.leads.crm import LocalCrm
from services.registry.leads.pushes import CrmPusher
from services.registry.members import api as members
from services.registry.orders import api as orders
from services.registry.settings import Settings
from services.registry.tenants import api as tenants
from services.registry.tenants.due import DueActions
from services.registry.trials import api as trials
from services.registry.trials.links import Links
from services.registry.trials.upkeep import TrialUpkeep
from services.registry.usage import api as usage

SERVICE = "registry"
MIGRATIONS = Path(__file__).with_name("migrations")


def compose(settings: Settings) -> Service:
    """Called inside the running loop."""
    clock = SystemClock()
    database, bus = connect(SERVICE, settings, MIGRATIONS)
    identity = LocalIdentity(settings.identity_admin_url, settings.identity_admin_secret.get_secret_value())
    tokens = ServiceTokens(settings.oidc_issuer, SERVICE, settings.service_key.get_secret_value())
    shared = backbone(SERVICE, settings, clock, database, bus)
    authenticate = Authenticate(shared.verifier)
    # Enrolment comes before the device is known, with the token that is bound to the key being enrolled.
    enrolling = Authenticate(shared.verifier, accepts_bound=True)
    page_tokens = PageTokens(settings.page_token_key.get_secret_value().encode())
    changes = tenants.Changes(database, clock, settings)
    keys = ApiKeys(database, bus, clock, settings)
    keeper = Keeper(database, bus)
    shared.health.tell(keeper.name, keeper.status)
    links = Links(settings.trial_link_key.get_secret_value(), settings.portal_url)
    secret = settings.erp_webhook_secret.get_secret_value()
    return shared.service(
        [
            tenants.router(database, authenticate, identity, clock, settings, page_tokens, changes),
            entitlements.router(database, authenticate, clock, changes),
            members.router(database, authenticate, identity, clock),
            catalogue.router(database, authenticate, clock),
            orders.router(database, LocalErp(settings.erp_folder), clock, settings.ladder, secret),
            devices.router(database, enrolling, clock, settings),
            usage.router(database, authenticate, clock),
            directory.router(database, authenticate, clock),
            flags.router(database, authenticate, clock, page_tokens),
            floors.router(database, authenticate, clock, page_tokens),
            demo.router(database, authenticate, clock),
            leads.router(database, authenticate, clock, page_tokens),
            trials.router(database, identity, clock, settings, links),
            addressees.router(database, authenticate, clock, settings, links),
            me.router(authenticate),
            *keys.routers(authenticate, page_tokens),
        ],
        [
            keeper,
            *keys.parts,
            ClaimsPusher(database, identity, clock, every=settings.push_seconds),
            CrmPusher(database, LocalCrm(settings.erp_folder), clock, every=settings.push_seconds),
            TrialUpkeep(database, clock),
            DemoResets(
                database,
                identity,
                HttpProducts(database, tokens),
                clock,
                settings.ladder,
                every=settings.due_seconds,
            ),
            DueActions(
                database, clock, settings.ladder, every=settings.due_seconds, batch=settings.due_batch
            ),
        ],
    )
