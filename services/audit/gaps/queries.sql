-- name: open_gap(gap_id, source, epoch, first, last, at)$
-- A part of a gap that is open already (what a restart finds left of it) is no gap of its own.
insert into gap (gap_id, kind, source, epoch, first, last, state, detected_at)
select :gap_id::uuid, 'hole', :source::text, :epoch::text, :first::bigint, :last::bigint, 'asked', :at::timestamptz
where not exists (
    select 1 from gap
    where kind = 'hole' and source = :source and epoch = :epoch and state <> 'repaired' and first <= :first
      and last >= :last
)
on conflict (gap_id) do nothing
returning gap_id;

-- name: lose_gap(source, epoch, first, last, at)
-- What of them was not said so far is to be said now.
update gap set state = 'lost', said_at = coalesce(gap.said_at, :at::timestamptz)
from (
    select gap_id, said_at from gap
    where kind = 'hole' and source = :source::text and epoch = :epoch::text and state in ('asked', 'detected')
      and first <= :first::bigint and last >= :last::bigint
    for update
) as before
where before.gap_id = gap.gap_id
returning gap.gap_id, gap.source, gap.epoch, gap.first, gap.last, before.said_at is null as is_news;

-- name: settle_gaps(at)
-- Whoever finds a gap whole moves it on, and only one does.
update gap set state = 'repaired', repaired_at = :at::timestamptz
from source_progress as progress
where progress.source = gap.source and progress.epoch = gap.epoch and gap.state <> 'repaired' and gap.kind = 'hole'
  and progress.seen @> int8range(gap.first, gap.last, '[]')
returning gap.gap_id, gap.source, gap.epoch, gap.first, gap.last, gap.said_at is not null as was_said;

-- name: alarm_gaps(before, at)
-- Those that a replay has not filled in time, each once.
update gap set state = 'detected', said_at = :at::timestamptz
where state = 'asked' and detected_at <= :before::timestamptz
returning gap_id, source, epoch, first, last;

-- name: heard_from
-- When anything of a source was last taken in, and how far its newest numbering has come.
select distinct on (source) source, epoch, coalesce(upper(seen) - 1, 0) as last, updated_at
from source_progress order by source, updated_at desc;

-- name: open_silence(gap_id, source, epoch, first, at)$
insert into gap (gap_id, kind, source, epoch, first, state, detected_at, said_at)
values (:gap_id::uuid, 'silence', :source::text, :epoch::text, :first::bigint, 'detected', :at::timestamptz,
        :at::timestamptz)
on conflict do nothing
returning gap_id;

-- name: end_silences(sources, at)
update gap set state = 'repaired', repaired_at = :at::timestamptz
where kind = 'silence' and state <> 'repaired' and source = any (:sources::text[])
returning gap_id, source, epoch, first, last;

-- name: gaps(is_open, most)
select gap_id, kind, source, epoch, first, last, state, detected_at, said_at, repaired_at from gap
where not :is_open::bool or state <> 'repaired'
order by detected_at desc, gap_id limit :most::int;
