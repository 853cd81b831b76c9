-- name: open_gap(gap_id, source, epoch, first, last, at)$
-- A part of a gap that is open already (what a restart finds left of it) is no gap of its own.
insert into gap (gap_id, source, epoch, first, last, state, detected_at)
select :gap_id::uuid, :source::text, :epoch::text, :first::bigint, :last::bigint, 'detected', :at::timestamptz
where not exists (
    select 1 from gap
    where source = :source and epoch = :epoch and state <> 'repaired' and first <= :first and last >= :last
)
on conflict (gap_id) do nothing
returning gap_id;

-- name: lose_gap(source, epoch, first, last)!
update gap set state = 'lost'
where source = :source::text and epoch = :epoch::text and state = 'detected'
  and first <= :first::bigint and last >= :last::bigint;

-- name: settle_gaps(at)
-- Whoever finds a gap whole moves it on, and only one does.
update gap set state = 'repaired', repaired_at = :at::timestamptz
from source_progress as progress
where progress.source = gap.source and progress.epoch = gap.epoch and gap.state <> 'repaired'
  and progress.seen @> int8range(gap.first, gap.last, '[]')
returning gap.gap_id, gap.source, gap.epoch, gap.first, gap.last;
