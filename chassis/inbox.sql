-- name: claim_new!
-- Fails where one of them is there already. Half the price of `claim`, for the batches of every ordinary day.
insert into inbox (event_day, event_id, source, done_at)
select day, id, source, :done_at
from unnest(:days::date[], :ids::uuid[], :sources::text[]) as claimed (day, id, source);

-- name: claim
-- Returns the ids that nobody has handled yet. A row with done_at null is a message whose handler failed before.
-- The caller sorts by id, so that two processes with overlapping batches wait for each other instead of deadlocking.
insert into inbox (event_day, event_id, source, done_at)
select day, id, source, :done_at
from unnest(:days::date[], :ids::uuid[], :sources::text[]) as claimed (day, id, source)
on conflict (event_day, event_id) do update set done_at = excluded.done_at where inbox.done_at is null
returning event_id;

-- name: count_failure$
insert into inbox (event_day, event_id, source, failures, last_error)
values (:day, :id, :source, 1, :error)
on conflict (event_day, event_id) do update
set failures = inbox.failures + 1, last_error = excluded.last_error
where inbox.done_at is null
returning failures;

-- name: reopen!
-- A dead letter goes through the inbox again as if it had never been handled.
update inbox set done_at = null, failures = 0 where event_day = :day and event_id = :id;

-- name: add_progress!
insert into source_progress (source, epoch, seen, updated_at)
values (:source, :epoch, :seen::text::int8multirange, :at)
on conflict (source, epoch) do update
set seen = source_progress.seen + excluded.seen, updated_at = excluded.updated_at
where not source_progress.seen @> excluded.seen;

-- name: select_holes
select source, epoch, lower(hole) as first, upper(hole) - 1 as last
from source_progress,
    unnest(int8multirange(int8range(1, coalesce(upper(seen), 1))) - seen - lost) as hole
order by source, epoch, first
limit :holes;

-- name: missing_in
select lower(hole) as first, upper(hole) - 1 as last
from source_progress,
    unnest(
        int8multirange(int8range(:first, :last, '[]')) - seen - lost - (
            select coalesce(range_agg(int8range(number, number, '[]')), '{}')
            from unnest(:waiting::bigint[]) as number
        )
    ) as hole
where source = :source and epoch = :epoch
order by first;

-- name: give_up!
update source_progress
set lost = lost + int8multirange(int8range(:first, :last, '[]')), updated_at = :at
where source = :source and epoch = :epoch;
