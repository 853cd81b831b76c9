-- The log: heads, records, tiles, checkpoints. Rows are only ever added; heads and partial tiles move forward.

create table tree_head (
    tenant_id   uuid primary key,
    size        bigint      not null check (size >= 0),
    root        bytea       not null check (length(root) = 32),
    received_at timestamptz not null,
    row_version bigint      not null default 1
);

create table record (
    tenant_id         uuid        not null,
    leaf_index        bigint      not null check (leaf_index >= 0),
    event_id          uuid        not null,
    received_at       timestamptz not null,
    event_time        timestamptz not null,
    type              text        not null,
    source            text        not null,
    source_epoch      text,
    source_seq        bigint,
    subject           text        not null,
    actor_id          text,
    actor_type        text,
    correlation_id    text,
    trace_id          text,
    entry             bytea       not null,
    leaf_hash         bytea       not null check (length(leaf_hash) = 32),
    primary key (tenant_id, leaf_index)
);
create index record_by_event on record (tenant_id, event_id);
create index record_by_trace on record (trace_id) where trace_id is not null;

create table tile (
    tenant_id uuid   not null,
    level     int    not null check (level >= 0),
    number    bigint not null check (number >= 0),
    hashes    bytea  not null check (length(hashes) between 32 and 8192 and length(hashes) % 32 = 0),
    primary key (tenant_id, level, number)
);

create table checkpoint (
    tenant_id uuid        not null,
    size      bigint      not null,
    root      bytea       not null check (length(root) = 32),
    note      text        not null,
    signed_at timestamptz not null,
    primary key (tenant_id, size)
);

-- A full tile and a root never change; a head never goes back.
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'the audit log is append-only: % on % is refused', tg_op, tg_table_name using errcode = 'insufficient_privilege';
end $$;
create trigger append_only before update or delete on record for each row execute function refuse_change();
create trigger append_only before update or delete on checkpoint for each row execute function refuse_change();
create trigger no_truncate before truncate on record for each statement execute function refuse_change();
create trigger no_truncate before truncate on checkpoint for each statement execute function refuse_change();

create function refuse_shrinking_tile() returns trigger language plpgsql as $$
begin
    if length(new.hashes) < length(old.hashes) or substring(new.hashes from 1 for length(old.hashes)) <> old.hashes then
        raise exception 'a tile only grows at its end' using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;
create trigger grows_only before update on tile for each row execute function refuse_shrinking_tile();
create function refuse_shrinking_head() returns trigger language plpgsql as $$
begin
    if new.size <= old.size then
        raise exception 'a tree head only grows' using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;
create trigger grows_only before update on tree_head for each row execute function refuse_shrinking_head();

alter table tree_head enable row level security;
alter table tree_head force row level security;
create policy tenant on tree_head using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
alter table record enable row level security;
alter table record force row level security;
create policy tenant on record using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
alter table tile enable row level security;
alter table tile force row level security;
create policy tenant on tile using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
alter table checkpoint enable row level security;
alter table checkpoint force row level security;
create policy tenant on checkpoint using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);

grant select on tree_head, record, tile, checkpoint to audit_app;
grant select, insert, update on tree_head, tile to audit_worker;
grant select, insert on record, checkpoint to audit_worker;
