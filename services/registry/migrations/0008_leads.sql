-- Grants that end, the demo tenant and its nightly reset, leads with what the CRM has yet to hear, trials to be verified.

-- A grant's end is planned as everything else that happens by itself. Two products may end at the same instant.
alter table due_action
    add column product text not null default '',
    drop constraint due_action_action_check,
    add constraint due_action_action_check check (action in
        ('trial_warning', 'expire_trial', 'cancel', 'end_contract', 'archive', 'delete', 'expire_entitlement')),
    add constraint only_a_grant_names_a_product check ((action = 'expire_entitlement') = (product <> '')),
    drop constraint due_action_pkey,
    add primary key (tenant_id, action, due_at, product);
-- Row-level security is forced on the owner too; what was granted with an end before gets its plan now.
alter table tenant no force row level security;
alter table tenant_product no force row level security;
alter table due_action no force row level security;
insert into due_action (tenant_id, action, due_at, cause, product, planned_at, try_at)
select p.tenant_id, 'expire_entitlement', p.expires_at, 'the grant of ' || p.product_key || ' ends', p.product_key,
       clock_timestamp(), p.expires_at
from tenant_product p join tenant t using (tenant_id)
where p.enabled and p.source <> 'trial' and p.expires_at is not null and t.status <> 'archived';
alter table tenant force row level security;
alter table tenant_product force row level security;
alter table due_action force row level security;


-- One row a night (number 0), at most one of them open: whichever process claims it does what remains, and nobody records
-- it twice. Resets that operators ask for are numbered after it.
create table demo_reset (
    night         date        not null,
    number        int         not null default 0 check (number between 0 and 99),
    due_at        timestamptz not null,
    try_at        timestamptz not null,
    claim         uuid,
    claimed_until timestamptz,
    attempts      int         not null default 0,
    last_error    text,
    finished_at   timestamptz,
    outcome       text        check (outcome in ('done', 'failed')),
    records       int,
    checksum      text,
    faults        text[]      not null default '{}',
    primary key (night, number),
    check ((outcome is null) = (finished_at is null))
);
create unique index demo_reset_of_the_night on demo_reset ((outcome is null)) where outcome is null and number = 0;
create unique index demo_reset_asked_for on demo_reset ((outcome is null)) where outcome is null and number > 0;

-- What each product answered in a night; who goes on after a crash does not ask it again.
create table demo_reset_product (
    night       date        not null,
    number      int         not null,
    product_key text        not null,
    version     text        not null,
    counts      jsonb       not null,
    checksum    text        not null,
    answered_at timestamptz not null,
    primary key (night, number, product_key),
    foreign key (night, number) references demo_reset (night, number)
);
-- What a product restores in one version of it, as it said the first time; every later night must be equal.
create table demo_baseline (
    product_key text        not null,
    version     text        not null,
    counts      jsonb       not null,
    checksum    text        not null,
    said_at     timestamptz not null,
    primary key (product_key, version)
);
create table demo_lease (
    lease_id    uuid        primary key,
    started_by  text        not null,
    started_at  timestamptz not null,
    held_until  timestamptz not null check (held_until > started_at and held_until <= started_at + interval '4 hours'),
    released_at timestamptz,
    released_by text
);
create unique index demo_lease_in_force on demo_lease ((released_at is null)) where released_at is null;
grant select, insert, update on demo_reset, demo_lease to registry_app, registry_worker;
grant select, insert on demo_reset_product, demo_baseline to registry_app, registry_worker;

-- Inside a transaction of the demo tenant: everything that was made in it goes, except the members to keep. Row-level
-- security is forced on the owner too, so that no row of another tenant can go.
create function erase_demo(kept_members text[]) returns void
    language plpgsql security definer set search_path = registry, pg_temp as
$$
declare
    t text;
begin
    if not exists (select 1 from tenant where tenant_id = current_tenant() and kind = 'demo') then
        raise exception 'only the demo tenant is reset, % is not', current_tenant();
    end if;
    -- Whatever is a tenant's goes, so that a table that is added later cannot be forgotten. What stays: what was said
    -- and is to be said, leads (they are real), and switches, which operators set.
    for t in
        select c.relname from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
        where c.relnamespace = 'registry'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
          and c.relforcerowsecurity
          and c.relname not in ('outbox', 'tenant', 'tenant_move', 'member', 'claims_push', 'idempotency', 'dead_letter',
                                'lead', 'lead_activity', 'crm_push',
                                'flag', 'flag_change', 'version_floor', 'version_floor_change')
    loop
        execute format('delete from %I where tenant_id = current_tenant()', t);
    end loop;
    delete from member where tenant_id = current_tenant() and not member_id = any (kept_members);
end $$;
revoke execute on function erase_demo(text[]) from public;
grant execute on function erase_demo(text[]) to registry_app;

-- Who looks after a tenant in sales; an operator's subject, and where mail reaches them.
alter table tenant add column sales_owner text, add column sales_owner_email text,
    add constraint sales_owner_is_reached check ((sales_owner is null) = (sales_owner_email is null));

-- One wish of a customer or a prospect. While it is open the same wish is this one.
create table lead (
    lead_id      uuid        primary key,
    tenant_id    uuid        not null,
    kind         text        not null check (kind in ('product_request', 'trial_request', 'upgrade_request')),
    subject      text        not null,
    product_key  text,
    plan         text,
    why          text,
    seats        int,
    volume       int,
    company      text,
    email        text,
    requested_by text        not null,
    owner        text,
    owner_email  text,
    opened_at    timestamptz not null,
    outcome      text        check (outcome in ('won', 'lost', 'duplicate')),
    closed_at    timestamptz,
    row_version  bigint      not null default 1,
    check ((outcome is null) = (closed_at is null))
);
create unique index lead_open on lead (tenant_id, kind, subject) where outcome is null;
create index lead_owner on lead (owner, lead_id);

create table lead_activity (
    activity_id uuid        primary key,
    tenant_id   uuid        not null,
    lead_id     uuid        not null references lead (lead_id) on delete cascade,
    verb        text        not null check (verb in ('requested', 'asked_again', 'recorded', 'closed')),
    actor_id    text        not null,
    at          timestamptz not null
);
create index lead_activity_of_lead on lead_activity (lead_id, activity_id);

-- What the CRM has yet to be told; done after the commit and tried again until it is.
create table crm_push (
    lead_id    uuid        primary key references lead (lead_id) on delete cascade,
    tenant_id  uuid        not null,
    due_at     timestamptz not null,
    attempts   int         not null default 0,
    last_error text
);

do $$
declare t text;
begin
    foreach t in array array['lead', 'lead_activity', 'crm_push'] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format('create policy own_tenant on %I using (tenant_id = current_tenant())', t);
        execute format('grant select, insert on %I to registry_app', t);
        execute format('grant select on %I to registry_worker', t);
    end loop;
end $$;
grant update on lead, crm_push to registry_app;
grant update, delete on crm_push to registry_worker;
grant insert on lead_activity to registry_worker;

-- Platform-wide: who asked for a trial and has not used the link yet. There is no tenant before that, and of the link only a
-- digest is kept.
create table trial (
    trial_id     uuid        primary key,
    digest       bytea       not null unique check (length(digest) = 32),
    email        text        not null,
    company      text        not null,
    locale       text        not null,
    products     text[]      not null,
    requested_at timestamptz not null,
    expires_at   timestamptz not null check (expires_at > requested_at),
    used_at      timestamptz
);
create index trial_age on trial (expires_at);
grant select, insert on trial to registry_app;
grant update (used_at) on trial to registry_app;
grant select, delete on trial to registry_worker;
