drop table audit_body, ledger_entry, anchor;
drop table audit_event;
drop function make_audit_months(date), guard_audit_partition(text);
drop trigger append_only on tile;
drop trigger append_only on tree_head;
drop trigger append_only on checkpoint;
drop trigger grows_only on tile;
drop trigger grows_only on tree_head;
drop function refuse_shrinking_tiles(), refuse_shrinking_heads();
truncate tile, tree_head, checkpoint;
alter table tree_head drop column frontier, drop column tile_began_at;

create function refuse_shrinking_tile() returns trigger language plpgsql as $$
begin
    if (new.tenant_id, new.level, new.number) <> (old.tenant_id, old.level, old.number) then
        raise exception 'a tile keeps its place' using errcode = 'insufficient_privilege';
    end if;
    if length(new.hashes) < length(old.hashes) or substring(new.hashes from 1 for length(old.hashes)) <> old.hashes then
        raise exception 'a tile only grows at its end' using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;
create trigger grows_only before update on tile for each row execute function refuse_shrinking_tile();
create function refuse_shrinking_head() returns trigger language plpgsql as $$
begin
    if new.tenant_id <> old.tenant_id or new.size <= old.size or new.received_at < old.received_at then
        raise exception 'a tree head only grows' using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;
create trigger grows_only before update on tree_head for each row execute function refuse_shrinking_head();

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
alter table record enable row level security;
alter table record force row level security;
create policy tenant on record using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
grant select on record to audit_app;
grant select, insert on record to audit_worker;

create trigger append_only before update or delete on record for each row execute function refuse_change();
create trigger append_only before update or delete on checkpoint for each row execute function refuse_change();
create trigger append_only before delete on tile for each row execute function refuse_change();
create trigger append_only before delete on tree_head for each row execute function refuse_change();
create trigger no_truncate before truncate on record for each statement execute function refuse_change();
create trigger no_truncate before truncate on checkpoint for each statement execute function refuse_change();
create trigger no_truncate before truncate on tile for each statement execute function refuse_change();
create trigger no_truncate before truncate on tree_head for each statement execute function refuse_change();
