"""Composes the registry: the only file that knows all the others."""

from pathlib import Path

from chassis.auth import Authenticate
from chassis.backbone import backbone, connect
from chassis.bound_tokens import AuthenticateBound, says_nonce
from chassis.clock import Clock, SystemClock
from chassis.db import Database
from chassis.pages import PageTokens
from chassis.runtime import Part, Service
from chassis.service_tokens import ServiceTokens
from services.registry import addressees, directory, me
from services.registry.actions import api as actions
from services.registry.actions.forgotten import ForgottenActions
from services.registry.api_keys.parts import ApiKeys
from services.registry.catalogue import api as catalogue
from services.registry.conformance import api as conformance
from services.registry.conformance.prober import Prober
from services.registry.demo import api as demo
from services.registry.demo.products import HttpProducts
from services.registry.demo.reset import DemoResets
from services.registry.devices import api as devices
from services.registry.entitlements import api as entitlements
from services.registry.entitlements.pushes import ClaimsPusher
from services.registry.flags import api as flags
from services.registry.floors import api as floors
from services.registry.identity import IdentityProvider, LocalIdentity
from services.registry.keeper import Keeper
from services.registry.leads import api as leads
from services.registry.leads.crm import LocalCrm
from services.registry.leads.pushes import CrmPusher
from services.registry.members import api as members
from services.registry.members.callers import deactivated_in
from services.registry.members.pushes import MemberPusher
from services.registry.orders import api as orders
from services.registry.orders.erp import LocalErp
from services.registry.products.client import ProductClient
from services.registry.projects import api as projects
from services.registry.properties import api as properties
from services.registry.scopes import api as scopes
from services.registry.settings import Settings
from services.registry.tenants import api as tenants
from services.registry.tenants.changes import TenantChanges
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
    is_revoked = deactivated_in(database)
    authenticate = Authenticate(shared.verifier, is_revoked)
    # Enrolment comes before the device is known, with the token that is bound to the key being enrolled, and its proof.
    secret_of_nonces = settings.service_key.get_secret_value().encode()
    enrolling = AuthenticateBound(shared.verifier, settings.public_origin, secret_of_nonces, is_revoked)
    page_tokens = PageTokens(settings.page_token_key.get_secret_value().encode())
    changes = TenantChanges(database, clock, settings.ladder)
    keys = ApiKeys(database, bus, clock, settings)
    keeper = Keeper(database, bus)
    shared.health.tell(keeper.name, keeper.status)
    client = ProductClient(tokens, seconds=settings.product_seconds)
    prober = Prober(database, clock, client, every=settings.probe_seconds)
    links = Links(settings.trial_link_key.get_secret_value(), settings.portal_url)
    secret = settings.erp_webhook_secret.get_secret_value()
    return shared.service(
        [
            *keys.routers(authenticate, page_tokens),
            tenants.router(database, authenticate, identity, clock, settings, page_tokens, changes),
            entitlements.router(database, authenticate, clock, changes),
            members.router(database, authenticate, identity, clock, settings.ladder, page_tokens),
            projects.router(database, authenticate, clock, settings.ladder, page_tokens),
            properties.router(database, authenticate, clock, settings.ladder, page_tokens),
            scopes.router(database, authenticate, clock, settings.ladder, page_tokens),
            catalogue.router(database, authenticate, clock),
            conformance.router(database, authenticate, clock, prober),
            actions.router(database, authenticate, clock, page_tokens, client),
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
        ],
        [keeper, *keys.parts, prober, *chores(database, identity, client, clock, settings)],
        closed=[client.close],
        says=says_nonce(enrolling.nonce),
    )


def chores(
    database: Database, identity: IdentityProvider, client: ProductClient, clock: Clock, settings: Settings
) -> list[Part]:
    """What happens by itself, and what others have yet to be told."""
    ladder, due, push = settings.ladder, settings.due_seconds, settings.push_seconds
    return [
        DueActions(database, clock, ladder, every=due, batch=settings.due_batch),
        DemoResets(database, identity, HttpProducts(database, client), clock, ladder, every=due),
        ForgottenActions(database, clock, after=settings.action_unknown_seconds, every=due),
        TrialUpkeep(database, clock),
        ClaimsPusher(database, identity, clock, every=push),
        MemberPusher(database, identity, clock, every=push),
        CrmPusher(database, LocalCrm(settings.erp_folder), clock, every=push),
    ]
