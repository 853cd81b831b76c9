-- Tenants, entitlements, members, devices; the catalogue and the orders that were applied.

create table tenant (
    tenant_id       uuid        primary key,
    slug            text        not null unique check (slug ~ '^[a-z0-9][a-z0-9-]{1,62}$'),
    name            text        not null check (length(name) between 1 and 200),
    kind            text        not null check (kind in ('real', 'demo')),
    status          text        not null check (status in ('trial', 'active', 'frozen', 'archived')),
    plan            text        not null check (plan in ('trial', 'starter', 'professional', 'enterprise')),
    locale          text        not null,
    time_zone       text        not null,
    org_id          text        not null unique,
    operation_id    text        not null unique,
    erp_customer_id text        unique,
    trial_ends_at   timestamptz,
    contract_start  date,
    contract_end    date,
    ent_v           int         not null default 1,
    created_at      timestamptz not null,
    row_version     bigint      not null default 1,
    check (status <> 'trial' or trial_ends_at is not null)
);

create table tenant_move (
    tenant_id uuid        not null,
    version   bigint      not null,
    moved_at  timestamptz not null,
    came_from text        not null,
    went_to   text        not null,
    reason    text        not null,
    evidence  text        not null,
    actor_id  text,
    primary key (tenant_id, version)
);

create table tenant_product (
    tenant_id   uuid not null,
    product_key text not null,
    enabled     bool not null,
    source      text not null check (source in ('plan', 'override', 'trial', 'order')),
    expires_at  timestamptz,
    primary key (tenant_id, product_key)
);

create table member (
    tenant_id        uuid   not null,
    member_id        text   not null,
    email            text   not null,
    name             text   not null,
    locale           text   not null,
    org_roles        text[] not null,
    backoffice_roles text[] not null,
    properties       text[] not null,
    row_version      bigint not null default 1,
    primary key (tenant_id, member_id)
);

create table device (
    tenant_id   uuid        not null,
    device_id   uuid        not null,
    jkt         text        not null,
    jwk         jsonb       not null,
    member_id   text        not null,
    name        text        not null,
    os          text        not null,
    property    text        not null,
    cohort      text        not null,
    enrolled_at timestamptz not null,
    revoked_at  timestamptz,
    row_version bigint      not null default 1,
    primary key (tenant_id, device_id)
);
create unique index device_in_use on device (tenant_id, jkt) where revoked_at is null;

create table device_challenge (
    tenant_id  uuid        not null,
    challenge  text        not null,
    member_id  text        not null,
    expires_at timestamptz not null,
    primary key (tenant_id, challenge)
);

-- What the identity provider has yet to be told; executed after the commit and tried again until it is.
create table claims_push (
    tenant_id  uuid        primary key,
    due_at     timestamptz not null,
    attempts   int         not null default 0,
    last_error text
);

-- Platform-wide: products, ERP items, webhooks that were seen, tasks for people.
create table product (
    key       text primary key,
    version   text not null,
    manifest  jsonb not null
);
create table erp_item (
    item_code   text primary key,
    plan        text check (plan in ('starter', 'professional', 'enterprise')),
    product_key text references product (key),
    check (plan is not null or product_key is not null)
);
create table sales_order (
    name       text        primary key,
    modified   text        not null,
    event      text        not null,
    outcome    text        not null check (outcome in ('activated', 'unchanged', 'task')),
    tenant_id  uuid,
    applied_at timestamptz not null
);
create table task (
    task_id    uuid        primary key,
    kind       text        not null,
    subject    text        not null,
    detail     text        not null,
    created_at timestamptz not null,
    unique (kind, subject)
);

do $$
declare t text;
begin
    foreach t in array array['tenant', 'tenant_move', 'tenant_product', 'member', 'device', 'device_challenge', 'claims_push'] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format('create policy own_tenant on %I using (tenant_id = current_tenant())', t);
        execute format('grant select, insert, update on %I to registry_app', t);
        execute format('grant select on %I to registry_worker', t);
    end loop;
end $$;
grant delete on tenant_product, device_challenge to registry_app;
grant update, delete on claims_push to registry_worker;
grant select on product, erp_item to registry_app, registry_worker;
grant select, insert, update on sales_order to registry_app, registry_worker;
grant select, insert on task to registry_app, registry_worker;

insert into product (key, version, manifest) values
    ('ai_console', '1.0.0', '{"name": {"en": "AI console", "fr": "Console IA"}, "frontend": "interactive"}'),
    ('compliance_suite', '1.0.0', '{"name": {"en": "Compliance suite", "fr": "Suite de conformité"}, "frontend": "interactive"}'),
    ('notetaker', '1.0.0', '{"name": {"en": "Notetaker", "fr": "Preneur de notes"}, "frontend": "headless"}');
insert into erp_item (item_code, plan, product_key) values
    ('PLAN-STARTER', 'starter', null),
    ('PLAN-PROFESSIONAL', 'professional', null),
    ('PLAN-ENTERPRISE', 'enterprise', null),
    ('PROD-AI-CONSOLE', null, 'ai_console'),
    ('PROD-COMPLIANCE', null, 'compliance_suite'),
    ('PROD-NOTETAKER', null, 'notetaker');
