-- Whether products keep the product contract, and what administrators asked them to do.

-- One row per product: the verdict in force, when it is looked at next, and who is looking now.
create table product_conformance (
    product_key   text        primary key references product (key),
    verdict       text        check (verdict in ('conformant', 'nonconformant', 'unreachable')),
    checksum      text,
    changed_at    timestamptz,
    due_at        timestamptz not null,
    claim_id      uuid,
    claimed_until timestamptz,
    row_version   bigint      not null default 0,
    check ((verdict is null) = (changed_at is null))
);
create table product_conformance_check (
    check_id    uuid        primary key,
    product_key text        not null references product (key),
    version     text        not null,
    verdict     text        not null check (verdict in ('conformant', 'nonconformant', 'unreachable')),
    findings    jsonb       not null,
    checked_at  timestamptz not null
);
create index product_conformance_history on product_conformance_check (product_key, checked_at desc);
grant select, insert, update on product_conformance to registry_app;
grant select, insert, delete on product_conformance_check to registry_app;
grant select on product_conformance, product_conformance_check to registry_worker;

-- Written before the product is called. A row that stays `requested` becomes `unknown`, never `done`.
create table product_action (
    action_id      uuid        primary key,
    tenant_id      uuid        not null,
    product_key    text        not null references product (key),
    action         text        not null,
    is_destructive bool        not null,
    requested_by   text        not null,
    requested_at   timestamptz not null,
    state          text        not null default 'requested' check (state in ('requested', 'done', 'failed', 'unknown')),
    detail         text,
    counts         jsonb       not null default '{}',
    completed_at   timestamptz,
    row_version    bigint      not null default 1,
    check ((state = 'requested') = (completed_at is null))
);
create index product_action_of_tenant on product_action (tenant_id, product_key, action_id desc);
create index product_action_open on product_action (requested_at) where state = 'requested';
alter table product_action enable row level security;
alter table product_action force row level security;
create policy own_tenant on product_action using (tenant_id = current_tenant());
grant select, insert on product_action to registry_app;
grant update (state, detail, counts, completed_at, row_version) on product_action to registry_app, registry_worker;
grant select on product_action to registry_worker;
