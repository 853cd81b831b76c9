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
select leaf_index, record_id, received_at, happened_at, class, action, source, source_seq, actor_id, actor_type,
       target_id, target_type, correlation_id, trace_id, entry, leaf_hash
from audit_event where tenant_id = :tenant_id::uuid and leaf_index >= :first::bigint
order by leaf_index limit :most::int;

-- name: record_of_id(tenant_id, record_id)^
select leaf_index, record_id, received_at, happened_at, class, action, source, source_seq, actor_id, actor_type,
       target_id, target_type, correlation_id, trace_id, entry, leaf_hash
from audit_event where tenant_id = :tenant_id::uuid and record_id = :record_id::uuid;
