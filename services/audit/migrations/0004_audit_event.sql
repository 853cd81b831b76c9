-- Records by month with what is searched in columns of their own. The log begins anew: nothing was released before.

drop trigger append_only on tile;
drop trigger append_only on tree_head;
drop trigger append_only on checkpoint;
drop trigger no_truncate on tile;
drop trigger no_truncate on tree_head;
drop trigger no_truncate on checkpoint;
truncate tile, tree_head, checkpoint;
drop table record;

-- The compact range of a tree, so that it grows without reading tiles; and from when on its last leaves must be looked for.
alter table tree_head
    add column frontier bytea not null check (length(frontier) = 32 * bit_count(size::bit(64))),
    add column tile_began_at timestamptz not null;

create table audit_event (
    tenant_id        uuid        not null,
    leaf_index       bigint      not null check (leaf_index >= 0),
    record_id        uuid        not null,
    received_at      timestamptz not null,
    happened_at      timestamptz not null,
    class            text        not null check (class in ('critical', 'standard', 'read')),
    action           text        not null,
    crud             text        check (crud in ('c', 'r', 'u', 'd')),
    product          text,
    project_id       text,
    source           text        not null,
    source_epoch     text,
    source_seq       bigint,
    actor_id         text,
    actor_type       text,
    on_behalf_of     text,
    impersonation_id text,
    session_id       text,
    target_id        text,
    target_type      text,
    network          inet,
    is_failure       boolean     not null,
    external_id      text,
    correlation_id   text,
    trace_id         text,
    words            text,
    entry            bytea       not null,
    leaf_hash        bytea       not null check (length(leaf_hash) = 32),
    primary key (tenant_id, leaf_index, received_at)
) partition by range (received_at);
create index audit_event_received on audit_event using brin (received_at) with (autosummarize = on);
create index audit_event_by_time on audit_event (tenant_id, received_at);
create index audit_event_by_actor on audit_event (tenant_id, actor_id, received_at);
create index audit_event_by_action on audit_event (tenant_id, product, action text_pattern_ops, received_at);
create index audit_event_by_record on audit_event (record_id);

-- What a partition needs of its own: it is reached through its parent only, and keeps what it holds.
create function guard_audit_partition(child text) returns void language plpgsql as $$
begin
    execute format('alter table %I enable row level security', child);
    execute format('alter table %I force row level security', child);
    execute format(
        'create trigger append_only before update or delete or truncate on %I for each statement execute function refuse_change()',
        child);
end $$;

-- By the worker, as the owner: last month for a clock that goes back, this one and the two to come. A month whose rows lie
-- in the default partition already stays there.
create function make_audit_months(today date) returns void language plpgsql security definer set search_path from current as $$
declare month date; child text;
begin
    for month in select generate_series(date_trunc('month', today) - interval '1 month',
                                        date_trunc('month', today) + interval '2 months', interval '1 month')::date loop
        child := 'audit_event_' || to_char(month, 'YYYYMM');
        if to_regclass(child) is null then
            begin
                execute format('create table %I partition of audit_event for values from (%L) to (%L)',
                               child, month::text || ' 00:00:00+00', (month + interval '1 month')::date::text || ' 00:00:00+00');
                perform guard_audit_partition(child);
            exception when check_violation then
                null;
            end;
        end if;
    end loop;
end $$;
revoke execute on function make_audit_months(date) from public;

create table audit_event_rest partition of audit_event default;
select guard_audit_partition('audit_event_rest');
select make_audit_months(current_date);

create trigger append_only before update or delete or truncate on audit_event
    for each statement execute function refuse_change();
create trigger append_only before update or delete or truncate on checkpoint
    for each statement execute function refuse_change();
create trigger append_only before delete or truncate on tile for each statement execute function refuse_change();
create trigger append_only before delete or truncate on tree_head for each statement execute function refuse_change();

-- A tile keeps its hashes and a head never goes back; once per statement, not per row.
drop trigger grows_only on tile;
drop trigger grows_only on tree_head;
drop function refuse_shrinking_tile(), refuse_shrinking_head();
create function refuse_shrinking_tiles() returns trigger language plpgsql as $$
begin
    if exists (
        select 1 from before left join after using (tenant_id, level, number)
        where after.hashes is null or substring(after.hashes from 1 for length(before.hashes)) <> before.hashes
    ) then
        raise exception 'a tile keeps its place and only grows at its end' using errcode = 'insufficient_privilege';
    end if;
    return null;
end $$;
create trigger grows_only after update on tile referencing old table as before new table as after
    for each statement execute function refuse_shrinking_tiles();
create function refuse_shrinking_heads() returns trigger language plpgsql as $$
begin
    if exists (
        select 1 from before left join after using (tenant_id)
        where after.size is null or after.size <= before.size or after.received_at < before.received_at
    ) then
        raise exception 'a tree head only grows' using errcode = 'insufficient_privilege';
    end if;
    return null;
end $$;
create trigger grows_only after update on tree_head referencing old table as before new table as after
    for each statement execute function refuse_shrinking_heads();

alter table audit_event enable row level security;
alter table audit_event force row level security;
create policy tenant on audit_event using (tenant_id = current_tenant());

grant select on audit_event to audit_app;
grant select, insert on audit_event to audit_worker;
grant execute on function make_audit_months(date) to audit_worker;

-- The ledger's leaves: which checkpoint of a tree was entered where.
create table ledger_entry (
    tenant_id  uuid        not null,
    leaf_index bigint      not null,
    size       bigint      not null,
    entered_at timestamptz not null,
    primary key (tenant_id, leaf_index)
);
create trigger append_only before update or delete or truncate on ledger_entry
    for each statement execute function refuse_change();
alter table ledger_entry enable row level security;
alter table ledger_entry force row level security;
create policy tenant on ledger_entry using (tenant_id = current_tenant());
grant select on ledger_entry to audit_app;
grant select, insert on ledger_entry to audit_worker;

-- Where heads of the ledger are kept outside.
create table anchor (
    adapter     text        not null,
    tree_size   bigint      not null,
    root        bytea       not null check (length(root) = 32),
    note        text        not null,
    reference   text        not null,
    anchored_at timestamptz not null,
    primary key (adapter, tree_size)
);
create trigger append_only before update or delete or truncate on anchor
    for each statement execute function refuse_change();
grant select, insert on anchor to audit_worker;
grant select on anchor to audit_app;

-- Bodies too large for an entry; the leaf holds their SHA-256.
create table audit_body (
    tenant_id   uuid        not null,
    leaf_index  bigint      not null,
    received_at timestamptz not null,
    body        bytea       not null,
    primary key (tenant_id, leaf_index)
);
create trigger append_only before update or delete or truncate on audit_body
    for each statement execute function refuse_change();
alter table audit_body enable row level security;
alter table audit_body force row level security;
create policy tenant on audit_body using (tenant_id = current_tenant());
grant select on audit_body to audit_app;
grant select, insert on audit_body to audit_worker;
