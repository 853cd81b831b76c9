-- Exports, legal holds, sealed bundles, and the one way in which a month of records leaves the table.

create table audit_export (
    tenant_id     uuid        not null,
    export_id     uuid        not null,
    state         text        not null check (state in ('queued', 'running', 'ready', 'failed', 'expired')),
    asked_by      text        not null,
    asked_by_type text        not null,
    asked_at      timestamptz not null,
    language      text        not null check (language in ('en', 'fr')),
    shows_personal boolean    not null,
    received_from timestamptz,
    received_to   timestamptz not null,
    filter        jsonb,
    request_leaf  bigint      not null,
    first_leaf    bigint,
    end_leaf      bigint,
    looked_at     bigint      not null default 0,
    records       bigint      not null default 0,
    phase         text        not null default 'waiting',
    attempts      int         not null default 0,
    due_at        timestamptz not null,
    error         text,
    bytes         bigint,
    sha256        bytea       check (length(sha256) = 32),
    ready_at      timestamptz,
    expires_at    timestamptz,
    downloads     int         not null default 0,
    row_version   bigint      not null default 1,
    primary key (tenant_id, export_id),
    check (received_from is null or received_from < received_to),
    check ((state = 'ready') <= (bytes is not null and sha256 is not null and expires_at is not null))
);
create index audit_export_due on audit_export (due_at) where state in ('queued', 'running');
create index audit_export_expiring on audit_export (expires_at) where state = 'ready';
alter table audit_export enable row level security;
alter table audit_export force row level security;
create policy tenant on audit_export using (tenant_id = current_tenant());
grant select on audit_export to audit_app;
grant select, insert, update on audit_export to audit_worker;

create table audit_hold (
    tenant_id     uuid        not null,
    hold_id       uuid        not null,
    received_from timestamptz,
    received_to   timestamptz,
    subject       text        check (length(subject) between 1 and 200),
    reason        text        not null check (length(reason) between 1 and 1000),
    placed_by     text        not null,
    placed_at     timestamptz not null,
    until         timestamptz,
    released_by   text,
    released_at   timestamptz,
    release_reason text       check (length(release_reason) between 1 and 1000),
    row_version   bigint      not null default 1,
    primary key (tenant_id, hold_id),
    check (received_from < received_to),
    check (until > placed_at),
    check ((released_at is null) = (released_by is null))
);
create index audit_hold_standing on audit_hold (tenant_id) where released_at is null;
alter table audit_hold enable row level security;
alter table audit_hold force row level security;
create policy tenant on audit_hold using (tenant_id = current_tenant());
grant select on audit_hold to audit_app;
grant select, insert, update on audit_hold to audit_worker;

-- A hold is released once and else never changes: who may write here must not be able to make one forgotten.
create function guard_hold() returns trigger language plpgsql as $$
begin
    if old.released_at is not null or new.released_at is null
       or (new.tenant_id, new.hold_id, new.reason, new.placed_by, new.placed_at)
          is distinct from (old.tenant_id, old.hold_id, old.reason, old.placed_by, old.placed_at)
       or (new.received_from, new.received_to, new.subject, new.until)
          is distinct from (old.received_from, old.received_to, old.subject, old.until) then
        raise exception 'a legal hold is released once and else never changes' using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;
create trigger released_once before update on audit_hold for each row execute function guard_hold();
create trigger never_deleted before delete or truncate on audit_hold for each statement execute function refuse_change();

-- For how long records are kept, from the time of the event; `table` is for how long they stay in the table before that.
create table audit_retention (
    class text     primary key check (class in ('critical', 'standard', 'read', 'table')),
    kept  interval not null check (kept > '0')
);
insert into audit_retention values
    ('critical', '7 years'), ('standard', '7 years'), ('read', '7 years'), ('table', '13 months');
grant select on audit_retention to audit_app, audit_worker;

-- Leaves first_leaf … end_leaf-1 of one tenant and one month, in a file of the bundle store.
create table audit_bundle (
    tenant_id     uuid        not null,
    first_leaf    bigint      not null check (first_leaf >= 0),
    end_leaf      bigint      not null check (end_leaf > first_leaf),
    month         date        not null,
    received_from timestamptz not null,
    received_last timestamptz not null,
    kept_until    timestamptz not null,
    offsets       bigint[]     not null,
    bytes         bigint      not null,
    sha256        bytea       not null check (length(sha256) = 32),
    note          text        not null,
    sealed_at     timestamptz not null,
    expired_at    timestamptz,
    primary key (tenant_id, first_leaf)
);
create index audit_bundle_by_month on audit_bundle (month);
create index audit_bundle_kept on audit_bundle (kept_until) where expired_at is null;
alter table audit_bundle enable row level security;
alter table audit_bundle force row level security;
create policy tenant on audit_bundle using (tenant_id = current_tenant());
grant select on audit_bundle to audit_app;
grant select, insert on audit_bundle to audit_worker;
create trigger append_only before delete or truncate on audit_bundle for each statement execute function refuse_change();

create function refuse_when_held(of_tenant uuid, first timestamptz, last timestamptz, at timestamptz)
returns void language plpgsql as $$
declare found audit_hold;
begin
    -- No hold is placed between this look and the loss.
    perform pg_advisory_xact_lock(hashtextextended('audit holds ' || of_tenant, 0));
    select * into found from audit_hold hold
    where hold.tenant_id = of_tenant and hold.released_at is null and (hold.until is null or hold.until > at)
      and (hold.received_from is null or hold.received_from <= last)
      and (hold.received_to is null or hold.received_to > first)
    order by hold.placed_at limit 1;
    if found.hold_id is not null then
        raise exception 'held: the legal hold % of tenant % keeps these records', found.hold_id, of_tenant
            using errcode = 'object_in_use';
    end if;
end $$;

-- The size of the newest tree of a tenant that an anchor covers: by its entry in the ledger; the ledger itself by its head.
create function anchored_size(of_tenant uuid) returns bigint language sql stable as $$
    select coalesce(case of_tenant
        when '00000000-0000-0000-0000-000000000001' then (select max(tree_size) from anchor)
        else (select max(size) from ledger_entry
              where tenant_id = of_tenant and leaf_index < (select max(tree_size) from anchor))
    end, 0)
$$;

-- What must hold before the leaves first … last of a tree may go; `tenantry.tenant_id` is that tree's tenant.
create function refuse_loss(of_tenant uuid, of_month date, first bigint, last bigint, opened timestamptz, closed timestamptz,
                            at timestamptz) returns void language plpgsql as $$
begin
    if (select coalesce(sum(end_leaf - first_leaf), 0) from audit_bundle
        where tenant_id = of_tenant and month = of_month and first_leaf >= first and end_leaf <= last + 1) <> last - first + 1 then
        raise exception 'unsealed: % of tenant % is not whole in bundles', of_month, of_tenant
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    -- The hashes of the last, partial tile are read from the records until the tile is written.
    if (last + 1) % 256 <> 0 and not exists (
        select 1 from tile where tile.tenant_id = of_tenant and tile.level = 0 and tile.number = last / 256
            and length(tile.hashes) >= (last % 256 + 1) * 32) then
        raise exception 'unsealed: the last hashes of % of tenant % are in no tile', of_month, of_tenant
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    if anchored_size(of_tenant) <= last then
        raise exception 'unanchored: % of tenant % is covered by no anchor', of_month, of_tenant
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    perform refuse_when_held(of_tenant, opened, closed, at);
end $$;

-- The only way in which a month of records leaves the table: old enough, whole in bundles, anchored, not held.
-- Row-level security binds the owner too: the month itself is opened to it (it goes, or all of this is undone), for all
-- other tables it takes on one tenant after the other.
create function drop_audit_month(of_month date, at timestamptz) returns bigint
language plpgsql security definer set search_path from current as $$
declare
    child text := 'audit_event_' || to_char(of_month, 'YYYYMM');
    month_end timestamptz := (of_month + interval '1 month')::date::text || ' 00:00:00+00';
    stay interval := (select kept from audit_retention where class = 'table');
    known text := coalesce(current_setting('tenantry.tenant_id', true), '');
    tree record;
    dropped bigint := 0;
begin
    if of_month <> date_trunc('month', of_month)::date or to_regclass(child) is null then
        raise exception 'absent: there is no month %', of_month using errcode = 'no_data_found';
    end if;
    if month_end + stay > at then
        raise exception 'young: % stays in the table until %', of_month, month_end + stay using errcode = 'object_in_use';
    end if;
    begin
        execute format('lock table %I in access exclusive mode', child);
    exception when undefined_table then
        raise exception 'absent: % was dropped a moment ago', of_month using errcode = 'no_data_found';
    end;
    execute format('alter table %I no force row level security', child);
    for tree in execute format(
        'select tenant_id, min(leaf_index) as first, max(leaf_index) as last, count(*) as leaves,
                min(received_at) as opened, max(received_at) as closed from %I group by tenant_id order by tenant_id', child)
    loop
        if tree.last - tree.first + 1 <> tree.leaves then
            raise exception 'unsealed: % of tenant % has a hole', of_month, tree.tenant_id
                using errcode = 'object_not_in_prerequisite_state';
        end if;
        perform set_config('tenantry.tenant_id', tree.tenant_id::text, true);
        perform refuse_loss(tree.tenant_id, of_month, tree.first, tree.last, tree.opened, tree.closed, at);
        dropped := dropped + tree.leaves;
    end loop;
    perform set_config('tenantry.tenant_id', known, true);
    execute format('drop table %I', child);
    return dropped;
end $$;

-- The end of a bundle's entries; hashes and tiles stay, so that every proof of what is left stays valid.
create function expire_audit_bundle(of_tenant uuid, of_first bigint, at timestamptz) returns void
language plpgsql security definer set search_path from current as $$
declare
    known text := coalesce(current_setting('tenantry.tenant_id', true), '');
    bundle audit_bundle;
begin
    perform set_config('tenantry.tenant_id', of_tenant::text, true);
    select * into bundle from audit_bundle where tenant_id = of_tenant and first_leaf = of_first for update;
    if bundle.tenant_id is null or bundle.expired_at is not null then
        raise exception 'absent: there is no such bundle' using errcode = 'no_data_found';
    end if;
    if bundle.kept_until > at then
        raise exception 'young: it is kept until %', bundle.kept_until using errcode = 'object_in_use';
    end if;
    if to_regclass('audit_event_' || to_char(bundle.month, 'YYYYMM')) is not null then
        raise exception 'unsealed: its month is still in the table' using errcode = 'object_not_in_prerequisite_state';
    end if;
    perform refuse_when_held(of_tenant, bundle.received_from, bundle.received_last, at);
    update audit_bundle set expired_at = at where tenant_id = of_tenant and first_leaf = of_first;
    perform set_config('tenantry.tenant_id', known, true);
end $$;

revoke execute on function drop_audit_month(date, timestamptz), expire_audit_bundle(uuid, bigint, timestamptz) from public;
grant execute on function drop_audit_month(date, timestamptz), expire_audit_bundle(uuid, bigint, timestamptz) to audit_worker;

-- The worker appends to the log, so requests that do both have their idempotency key in the same transaction.
grant insert on idempotency to audit_worker;
