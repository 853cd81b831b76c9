-- What every service has in its own schema: outbox lanes, inbox, progress, dead letters, idempotency.

create function service_name() returns text language sql stable as $$ select current_schema()::text $$;

create function current_tenant() returns uuid language sql stable as
$$ select nullif(current_setting('tenantry.tenant_id', true), '')::uuid $$;

-- Partitions: by day, seven days ahead, with a default one behind. Rows are reached through the parent only: a partition
-- has forced row-level security without a policy, so that nobody reads or writes it directly.
create function make_day_partition(parent text, day date) returns void language plpgsql as $$
declare child text := parent || '_' || to_char(day, 'YYYYMMDD');
begin
    if to_regclass(child) is not null then return; end if;
    execute format('create table %I partition of %I for values from (%L) to (%L)', child, parent, day, day + 1);
    execute format('alter table %I enable row level security', child);
    execute format('alter table %I force row level security', child);
exception when check_violation then
    -- The default partition already holds rows of that day; they are found there as well.
    return;
end $$;

create function make_default_partition(parent text) returns void language plpgsql as $$
begin
    execute format('create table %I partition of %I default', parent || '_rest', parent);
    execute format('alter table %I enable row level security', parent || '_rest');
    execute format('alter table %I force row level security', parent || '_rest');
end $$;

create table day_partitioned (
    name      text primary key,
    keep_days int not null check (keep_days > 0)
);

-- Run by the worker, as the owner: make what is needed ahead, drop what is older than it must be kept.
create function keep_partitions(today date) returns int language plpgsql security definer
set search_path from current as $$
declare parent record; child record; dropped int := 0;
begin
    for parent in select name, keep_days from day_partitioned loop
        for ahead in -1..7 loop
            perform make_day_partition(parent.name, today + ahead);
        end loop;
        for child in
            select c.relname, to_date(right(c.relname, 8), 'YYYYMMDD') as day
            from pg_inherits i join pg_class c on c.oid = i.inhrelid
            where i.inhparent = parent.name::regclass and c.relname ~ '_\d{8}$'
        loop
            if child.day < today - parent.keep_days then
                execute format('drop table %I', child.relname);
                dropped := dropped + 1;
            end if;
        end loop;
        if to_regclass(parent.name || '_sequence') is not null then
            execute format('delete from %I where outbox_day < %L', parent.name || '_sequence', today - parent.keep_days);
        end if;
    end loop;
    return dropped;
end $$;

-- An outbox lane: what is to be said (append-only), the numbers it got, the numberings there were, where the relay stands.
create function create_outbox_lane(lane text, keep_days int) returns void language plpgsql as $$
declare service text := service_name();
begin
    execute format('create sequence %I', lane || '_id');
    execute format($ddl$
        create table %I (
            created_day       date   not null default (timezone('utc', clock_timestamp()))::date,
            id                bigint not null default nextval(%L),
            xid               xid8   not null default pg_current_xact_id(),
            event_id          uuid   not null,
            tenant_id         uuid,
            subject           text   not null check (subject ~ '^[a-z_]+(\.[A-Za-z0-9_-]+)+$' and length(subject) <= 200),
            headers           bytea  not null,
            payload           bytea  not null,
            constraint fits_a_message check (octet_length(headers) + octet_length(payload) <= 253952),
            primary key (created_day, id)
        ) partition by range (created_day)$ddl$, lane, lane || '_id');
    execute format('create index on %I (xid, id)', lane);
    execute format('alter table %I enable row level security', lane);
    execute format('alter table %I force row level security', lane);
    execute format('create policy own_tenant on %I for insert with check (tenant_id is null or tenant_id = current_tenant())', lane);
    perform make_default_partition(lane);
    insert into day_partitioned values (lane, keep_days);
    execute format($ddl$
        create table %I (
            epoch      text   not null,
            seq        bigint not null check (seq > 0),
            outbox_day date   not null,
            outbox_id  bigint not null,
            primary key (epoch, seq)
        )$ddl$, lane || '_sequence');
    execute format('create index on %I (outbox_id)', lane || '_sequence');
    execute format($ddl$
        create table %I (
            epoch      text primary key,
            started_at timestamptz not null default clock_timestamp(),
            reason     text not null
        )$ddl$, lane || '_epoch');
    execute format($ddl$
        create table %I (
            only_one       bool primary key default true check (only_one),
            epoch          text   not null,
            seen           text   not null default '1:1:',
            window_end     text,
            window_last_id bigint not null default 0,
            last_seq       bigint not null default 0,
            published_seq  bigint not null default 0,
            cluster_id     text
        )$ddl$, lane || '_relay');
    execute format('insert into %I (epoch) values (%L)', lane || '_relay', '');
    execute format('grant insert on %I to %I', lane, service || '_app');
    execute format('grant usage on sequence %I to %I, %I', lane || '_id', service || '_app', service || '_worker');
    execute format('grant select, insert on %I to %I', lane, service || '_worker');
    execute format('grant select, insert on %I, %I to %I', lane || '_sequence', lane || '_epoch', service || '_worker');
    execute format('grant select, update on %I to %I', lane || '_relay', service || '_worker');
end $$;

-- Give numbers to the next rows: those visible in the window's end and not in what was seen, by id (PgQ's snapshot windows).
-- Numbers and progress are written in this one transaction, and never where there is nothing to number.
create function number_events(lane text, most int)
returns table (seq bigint, subject text, headers bytea, payload bytea) language plpgsql as $$
declare
    state record;
    horizon pg_snapshot;
    counted int;
    in_window text := format($sql$
        select id, created_day from %1$I o
        where xid >= pg_snapshot_xmin($1) and xid < pg_snapshot_xmax($2)
          and not pg_visible_in_snapshot(xid, $1) and pg_visible_in_snapshot(xid, $2) and id > $3
          -- after a restore into another cluster old rows may carry transaction ids that are yet to come
          and not exists (select 1 from %2$I s where s.outbox_id = o.id)
        order by id limit $4$sql$, lane, lane || '_sequence');
begin
    execute format('select * from %I', lane || '_relay') into state;
    horizon := coalesce(state.window_end, pg_current_snapshot()::text)::pg_snapshot;
    if state.window_end is null then
        execute format('select count(*) from (%s) as waiting', in_window)
        into counted using state.seen::pg_snapshot, horizon, 0::bigint, 1;
        if counted = 0 then return; end if;
    end if;
    execute format('select * from %I for update', lane || '_relay') into state;
    horizon := coalesce(state.window_end, pg_current_snapshot()::text)::pg_snapshot;
    execute format($sql$
        with fresh as (%s)
        insert into %I (epoch, seq, outbox_day, outbox_id)
        select $5, $6 + row_number() over (order by id), created_day, id from fresh$sql$, in_window, lane || '_sequence')
    using state.seen::pg_snapshot, horizon,
          case when state.window_end is null then 0 else state.window_last_id end, most, state.epoch, state.last_seq;
    get diagnostics counted = row_count;
    if counted < most then
        execute format('update %I set seen = $1, window_end = null, window_last_id = 0, last_seq = last_seq + $2', lane || '_relay')
        using horizon::text, counted;
    else
        execute format($sql$
            update %I set window_end = $1, last_seq = last_seq + $2,
                window_last_id = (select outbox_id from %I where epoch = $3 and seq = $4)$sql$,
            lane || '_relay', lane || '_sequence')
        using horizon::text, counted, state.epoch, state.last_seq + counted;
    end if;
    return query execute format('select * from numbered_events(%L, $1, $2, $3, $4)', lane)
    using state.epoch, state.last_seq + 1, state.last_seq + counted, most;
end $$;

-- What was said under these numbers, in order.
create function numbered_events(lane text, of_epoch text, first bigint, last bigint, most int)
returns table (seq bigint, subject text, headers bytea, payload bytea) language plpgsql stable as $$
begin
    return query execute format($sql$
        select s.seq, o.subject, o.headers, o.payload
        from %I s join %I o on o.created_day = s.outbox_day and o.id = s.outbox_id
        where s.epoch = $1 and s.seq between $2 and $3 order by s.seq limit $4$sql$, lane || '_sequence', lane)
    using of_epoch, first, last, most;
end $$;

-- A new numbering, because this database knows less than the stream (it was restored) or its transaction ids began anew.
-- Called in a repeatable-read transaction: what it numbers and what it calls seen come from one snapshot.
-- What may not have been published under the old one is numbered again, then what had no number; consumers know the ids.
create function begin_epoch(lane text, new_epoch text, why text, cluster text) returns bigint language plpgsql as $$
declare
    state record;
    counted bigint;
begin
    execute format('select * from %I for update', lane || '_relay') into state;
    execute format('insert into %I (epoch, reason) values ($1, $2)', lane || '_epoch') using new_epoch, why;
    execute format($sql$
        insert into %1$I (epoch, seq, outbox_day, outbox_id)
        select $1, row_number() over (order by again.seq nulls last, o.id), o.created_day, o.id
        from %2$I o
        left join %1$I again on again.epoch = $2 and again.outbox_id = o.id
        where again.seq > $3
           or not exists (select 1 from %1$I s where s.outbox_id = o.id)$sql$, lane || '_sequence', lane)
    using new_epoch, state.epoch, state.published_seq;
    get diagnostics counted = row_count;
    execute format($sql$
        update %I set epoch = $1, seen = pg_current_snapshot()::text, window_end = null, window_last_id = 0,
            last_seq = $2, published_seq = 0, cluster_id = $3$sql$, lane || '_relay')
    using new_epoch, counted, cluster;
    return counted;
end $$;

-- The inbox: which events were taken in. The day is the one in the event's own UUIDv7.
create table inbox (
    event_day  date        not null,
    event_id   uuid        not null,
    source     text        not null,
    done_at    timestamptz,
    failures   int         not null default 0,
    last_error text,
    primary key (event_day, event_id)
) partition by range (event_day);
select make_default_partition('inbox');
alter table inbox enable row level security;
alter table inbox force row level security;
insert into day_partitioned values ('inbox', 30);

create table source_progress (
    source     text           not null,
    epoch      text           not null,
    seen       int8multirange not null default '{}',
    lost       int8multirange not null default '{}',
    updated_at timestamptz    not null,
    primary key (source, epoch)
);

create table dead_letter (
    id              uuid        primary key,
    event_day       date        not null,
    state           text        not null check (state in ('dead', 'replaying', 'replayed', 'discarded')),
    consumer        text        not null,
    stream          text        not null,
    stream_sequence bigint,
    source          text,
    type            text,
    tenant_id       uuid,
    sequence        bigint,
    epoch           text,
    headers         jsonb       not null,
    data            bytea       not null,
    reason          text        not null,
    error           text        not null,
    stack           text        not null,
    failures        int         not null,
    dead_at         timestamptz not null,
    resolved_at     timestamptz,
    resolved_by     text
);
create index on dead_letter (state, dead_at desc);
alter table dead_letter enable row level security;
alter table dead_letter force row level security;
create policy own_tenant on dead_letter using (tenant_id = current_tenant());

create table idempotency (
    tenant_id    uuid,
    principal    text        not null,
    method       text        not null,
    path         text        not null,
    key          text        not null check (length(key) between 1 and 255),
    request_hash bytea       not null,
    status       int         not null,
    headers      jsonb       not null,
    body         bytea       not null,
    created_at   timestamptz not null,
    primary key (principal, method, path, key)
);
create index on idempotency (created_at);
alter table idempotency enable row level security;
alter table idempotency force row level security;
create policy own_tenant on idempotency using (tenant_id is not distinct from current_tenant());

select create_outbox_lane('outbox', 15);
select keep_partitions(current_date);

do $$
declare service text := service_name();
begin
    execute format('grant usage on schema %I to %I, %I', service, service || '_app', service || '_worker');
    execute format('grant select, insert, update on inbox, source_progress, dead_letter to %I', service || '_worker');
    execute format('grant delete on dead_letter, idempotency to %I', service || '_worker');
    execute format('grant select on idempotency, day_partitioned to %I', service || '_worker');
    execute format('grant select, insert on idempotency to %I', service || '_app');
    execute format('revoke execute on function keep_partitions(date) from public');
    execute format('grant execute on function keep_partitions(date) to %I', service || '_worker');
end $$;
