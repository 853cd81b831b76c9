-- The life of a tenant: why it is frozen, what is planned for it, what holds it, what remains of it.

alter table tenant
    add column frozen_reason text check (frozen_reason in ('cancelled', 'trial_expired', 'non_payment', 'contract_end')),
    add column frozen_at     timestamptz,
    add column archived_at   timestamptz,
    add column cancel_at     timestamptz,
    add column cancel_reason text check (length(cancel_reason) between 1 and 200),
    add column held_until    timestamptz,
    add constraint frozen_says_why check ((status = 'frozen') <= (frozen_reason is not null and frozen_at is not null)),
    add constraint archived_says_when check ((status = 'archived') <= (archived_at is not null)),
    add constraint only_active_is_being_cancelled check (cancel_at is null or status = 'active'),
    add constraint demo_never_moves check (kind <> 'demo' or status = 'active');

alter table tenant_move add column recorded_at timestamptz not null default clock_timestamp();
alter table tenant_move alter column recorded_at drop default;

-- The scheduler of state moves. A row without `done_at` is a plan; all open rows of a tenant are replaced when a cause
-- of the plan changes.
create table due_action (
    tenant_id  uuid        not null,
    action     text        not null check (action in ('trial_warning', 'expire_trial', 'cancel', 'end_contract', 'archive', 'delete')),
    due_at     timestamptz not null,
    cause      text        not null,
    planned_at timestamptz not null,
    try_at     timestamptz not null,
    attempts   int         not null default 0,
    last_error text,
    done_at    timestamptz,
    primary key (tenant_id, action, due_at)
);
create index due_action_open on due_action (due_at, tenant_id) where done_at is null;

create table tenant_hold (
    hold_id     uuid        primary key,
    tenant_id   uuid        not null,
    reason      text        not null check (length(reason) between 1 and 500),
    placed_by   text        not null,
    placed_at   timestamptz not null,
    held_until  timestamptz not null check (held_until > placed_at),
    released_at timestamptz,
    released_by text
);
create unique index tenant_hold_in_force on tenant_hold (tenant_id) where released_at is null;

-- Platform-wide: what remains of a deleted tenant. The slug is kept as a hash, to keep it from being taken too soon.
create table tombstone (
    tenant_id  uuid        primary key,
    slug_hash  bytea       not null,
    created_at timestamptz not null,
    deleted_at timestamptz not null
);
create index tombstone_slug on tombstone (slug_hash);

do $$
declare t text;
begin
    foreach t in array array['due_action', 'tenant_hold'] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format('create policy own_tenant on %I using (tenant_id = current_tenant())', t);
        execute format('grant select, insert, update on %I to registry_app', t);
        execute format('grant select on %I to registry_worker', t);
    end loop;
end $$;
grant delete on due_action to registry_app;
grant insert, update, delete on due_action to registry_worker;
grant select, insert on tombstone to registry_worker;
grant update on tenant to registry_worker;
grant insert on tenant_move, claims_push to registry_worker;
grant update (released_at, released_by) on tenant_hold to registry_worker;

-- The only way in which a tenant's rows go; callable by the scheduler alone, and only for what is archived.
create function erase_tenants(ids uuid[]) returns void
    language plpgsql security definer set search_path = registry, pg_temp as
$$
declare
    id uuid;
    t text;
begin
    foreach id in array ids loop
        perform set_config('tenantry.tenant_id', id::text, true);  -- row-level security is forced on the owner too
        if not exists (select 1 from tenant where tenant_id = id and status = 'archived') then
            raise exception 'only archived tenants are erased, % is not', id;
        end if;
        -- Whatever is a tenant's goes, so that a table that is added later cannot be forgotten; events stay for their days.
        for t in
            select c.relname from pg_class c
            join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
            where c.relnamespace = 'registry'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
              and c.relforcerowsecurity and c.relname not in ('outbox', 'tenant')
        loop
            execute format('delete from %I where tenant_id = $1', t) using id;
        end loop;
        delete from tenant where tenant_id = id;
    end loop;
    perform set_config('tenantry.tenant_id', '', true);
end $$;
revoke execute on function erase_tenants(uuid[]) from public;
grant execute on function erase_tenants(uuid[]) to registry_worker;
