-- Numbering with statements of each lane's own. Written as text, they were planned anew for every batch over all days'
-- partitions, which took most of the time that an event waited; PostgreSQL keeps the plans of a function's own statements.
drop function number_events(text, int);
drop function numbered_events(text, text, bigint, bigint, int);

create function create_lane_functions(lane text) returns void language plpgsql as $$
begin
    -- Give numbers to the next rows, at most `most`: those visible in the window's end and not in what was seen, by id
    -- (PgQ's snapshot windows). Numbers and progress are written in this one transaction, and never where there is nothing
    -- to number. Answers the last number given, null where no row waited.
    execute format($ddl$
        create function %1$I(most int) returns bigint language plpgsql
        set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $body$
        declare
            state %3$I%%rowtype;
            seen pg_snapshot;
            horizon pg_snapshot;
            taken bigint;
            last_id bigint;
            given bigint;
        begin
            select * into state from %3$I;
            seen := state.seen;
            horizon := coalesce(state.window_end, pg_current_snapshot()::text);
            if state.window_end is null and not exists (
                select from %2$I o
                where o.xid >= pg_snapshot_xmin(seen) and o.xid < pg_snapshot_xmax(horizon)
                  and not pg_visible_in_snapshot(o.xid, seen) and pg_visible_in_snapshot(o.xid, horizon)
                  and not exists (select from %4$I s where s.outbox_id = o.id)
            ) then return null; end if;
            select * into state from %3$I for update;
            seen := state.seen;
            horizon := coalesce(state.window_end, pg_current_snapshot()::text);
            with next_rows as materialized (
                select o.id, o.created_day from %2$I o
                where o.xid >= pg_snapshot_xmin(seen) and o.xid < pg_snapshot_xmax(horizon)
                  and not pg_visible_in_snapshot(o.xid, seen) and pg_visible_in_snapshot(o.xid, horizon)
                  and o.id > state.window_last_id
                order by o.id limit most
            ), numbered as (
                insert into %4$I (epoch, seq, outbox_day, outbox_id)
                select state.epoch, state.last_seq + row_number() over (order by n.id), n.created_day, n.id from next_rows n
                -- after a restore into another cluster old rows may carry transaction ids that are yet to come
                where not exists (select from %4$I s where s.outbox_id = n.id)
                returning 1
            )
            select count(*), max(n.id), (select count(*) from numbered) into taken, last_id, given from next_rows n;
            update %3$I set
                seen = case when taken < most then horizon::text else state.seen end,
                window_end = case when taken < most then null else horizon::text end,
                window_last_id = case when taken < most then 0 else last_id end,
                last_seq = state.last_seq + given;
            return state.last_seq + given;
        end $body$ $ddl$, lane || '_number', lane, lane || '_relay', lane || '_sequence');

    -- What was said under these numbers, in order.
    execute format($ddl$
        create function %1$I(of_epoch text, first bigint, last bigint, most int)
        returns table (seq bigint, subject text, headers bytea, payload bytea) language sql stable
        set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off
        set enable_mergejoin = off set jit = off as $body$
            select s.seq, o.subject, o.headers, o.payload
            from %3$I s join %2$I o on o.created_day = s.outbox_day and o.id = s.outbox_id
            where s.epoch = of_epoch and s.seq between first and last order by s.seq limit most
        $body$ $ddl$, lane || '_numbered', lane, lane || '_sequence');
end $$;

-- A lane that is made from now on has them from the start; those that are there get them here.
alter function create_outbox_lane(text, int) rename to create_lane_tables;
create function create_outbox_lane(lane text, keep_days int) returns void language plpgsql as $$
begin
    perform create_lane_tables(lane, keep_days);
    perform create_lane_functions(lane);
end $$;

select create_lane_functions(name) from day_partitioned where to_regclass(name || '_relay') is not null;
