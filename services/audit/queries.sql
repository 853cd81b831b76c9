-- name: add_heads(tenant_ids, root, at)!
-- Trees that are new to us, so that there is a row to lock.
insert into tree_head (tenant_id, size, root, received_at)
select unnest(:tenant_ids::uuid[]), 0, :root::bytea, :at::timestamptz
on conflict do nothing;

-- name: lock_heads(tenant_ids)
-- In one order for everybody, so that two sequencers wait instead of deadlock.
select tenant_id, size, root, received_at from tree_head
where tenant_id = any (:tenant_ids::uuid[]) order by tenant_id for update;

-- name: tiles_at(tenant_id, levels, numbers)
select tile.level, tile.number, tile.hashes
from unnest(:levels::int[], :numbers::bigint[]) as place (level, number)
join tile on tile.tenant_id = :tenant_id::uuid and tile.level = place.level and tile.number = place.number;

-- name: put_tiles(tenant_ids, levels, numbers, hashes)!
insert into tile (tenant_id, level, number, hashes)
select * from unnest(:tenant_ids::uuid[], :levels::int[], :numbers::bigint[], :hashes::bytea[])
on conflict (tenant_id, level, number) do update set hashes = excluded.hashes;

-- name: move_heads(tenant_ids, sizes, roots, at)!
update tree_head set size = fresh.size, root = fresh.root, received_at = fresh.at, row_version = row_version + 1
from unnest(:tenant_ids::uuid[], :sizes::bigint[], :roots::bytea[], :at::timestamptz[]) as fresh (tenant_id, size, root, at)
where tree_head.tenant_id = fresh.tenant_id;

-- name: heads_without_checkpoint(most)
-- Trees that grew since their last checkpoint.
select head.tenant_id, head.size, head.root from tree_head head
where head.size > 0 and not exists (
    select 1 from checkpoint where checkpoint.tenant_id = head.tenant_id and checkpoint.size = head.size
)
order by head.tenant_id limit :most::int;

-- name: add_checkpoint(tenant_id, size, root, note, signed_at)$
insert into checkpoint (tenant_id, size, root, note, signed_at)
values (:tenant_id::uuid, :size::bigint, :root::bytea, :note::text, :signed_at::timestamptz)
on conflict do nothing
returning size;

-- name: latest_checkpoint(tenant_id)^
select size, root, note, signed_at from checkpoint where tenant_id = :tenant_id::uuid order by size desc limit 1;

-- name: records_from(tenant_id, first, most)
select leaf_index, event_id, received_at, event_time, type, source, source_seq, subject, actor_id, actor_type,
       correlation_id, trace_id, entry, leaf_hash
from record where tenant_id = :tenant_id::uuid and leaf_index >= :first::bigint
order by leaf_index limit :most::int;

-- name: record_of_event(tenant_id, event_id)^
select leaf_index, event_id, received_at, event_time, type, source, source_seq, subject, actor_id, actor_type,
       correlation_id, trace_id, entry, leaf_hash
from record where tenant_id = :tenant_id::uuid and event_id = :event_id::uuid;

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
