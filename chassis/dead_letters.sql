-- name: bury!
insert into dead_letter (
    id, event_day, state, consumer, stream, stream_sequence, source, type, tenant_id, sequence, epoch,
    headers, data, reason, error, stack, failures, dead_at
)
values (
    :id, :event_day, 'dead', :consumer, :stream, :stream_sequence, :source, :type, :tenant_id, :sequence, :epoch,
    :headers, :data, :reason, :error, :stack, :failures, :dead_at
)
on conflict (id) do update
set state = 'dead', reason = excluded.reason, error = excluded.error, stack = excluded.stack,
    failures = excluded.failures, dead_at = excluded.dead_at, resolved_at = null, resolved_by = null
where dead_letter.state <> 'discarded';

-- name: list_letters
select id, state, stream, source, type, tenant_id, sequence, reason, error, failures, dead_at, resolved_at, resolved_by
from dead_letter
where state = any(:states::text[]) and (:before::timestamptz is null or dead_at < :before)
order by dead_at desc
limit :letters;

-- name: show_letter^
select id, event_day, state, consumer, stream, stream_sequence, source, type, tenant_id, sequence, epoch,
    headers, data, reason, error, stack, failures, dead_at, resolved_at, resolved_by
from dead_letter
where id = :id;

-- name: ask_replay^
update dead_letter set state = 'replaying', resolved_by = :by
where id = :id and state = 'dead'
returning id, event_day;

-- name: discard$
update dead_letter set state = 'discarded', resolved_at = :at, resolved_by = :by
where id = :id and state = 'dead'
returning id;

-- name: take_replaying
select id, stream, headers, data
from dead_letter
where state = 'replaying'
order by dead_at
limit :letters;

-- name: mark_replayed!
update dead_letter set state = 'replayed', resolved_at = :at
where id = any(:ids::uuid[]) and state = 'replaying';
