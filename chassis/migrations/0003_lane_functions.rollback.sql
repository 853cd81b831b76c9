do $$
declare lane text;
begin
    for lane in select name from day_partitioned where to_regclass(name || '_relay') is not null loop
        execute format('drop function %I(int), %I(text, bigint, bigint, int)', lane || '_number', lane || '_numbered');
    end loop;
end $$;
drop function create_outbox_lane(text, int);
drop function create_lane_functions(text);
alter function create_lane_tables(text, int) rename to create_outbox_lane;

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
