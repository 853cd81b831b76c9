-- name: add_heads(tenant_ids, root, at)!
-- Trees that are new to us, so that there is a row to lock.
insert into tree_head (tenant_id, size, root, frontier, received_at, tile_began_at)
select unnest(:tenant_ids::uuid[]), 0, :root::bytea, '', :at::timestamptz, :at
on conflict do nothing;

-- name: lock_heads(tenant_ids)
-- In one order for everybody, so that two appenders wait instead of deadlock.
select tenant_id, size, root, frontier, received_at, tile_began_at from tree_head
where tenant_id = any (:tenant_ids::uuid[]) order by tenant_id for update;

-- name: known_records(tenant_ids, record_ids, since)
select found.tenant_id, found.record_id, found.leaf_index
from unnest(:tenant_ids::uuid[], :record_ids::uuid[]) as wanted (tenant_id, record_id)
cross join lateral (
    select tenant_id, record_id, leaf_index from audit_event
    where audit_event.record_id = wanted.record_id and audit_event.tenant_id = wanted.tenant_id
      and received_at >= :since::timestamptz
    limit 1
) as found;

-- name: leaf_hashes(tenant_ids, firsts, ends)
-- Of the last, partial tiles: none of their leaves is older than its beginning, so older months are not looked at.
select wanted.tenant_id, wanted.first, string_agg(leaf.leaf_hash, '' order by leaf.leaf_index) as hashes
from unnest(:tenant_ids::uuid[], :firsts::bigint[], :ends::bigint[]) as wanted (tenant_id, first, "end")
join tree_head on tree_head.tenant_id = wanted.tenant_id
cross join lateral (
    select leaf_index, leaf_hash from audit_event
    where audit_event.tenant_id = wanted.tenant_id and leaf_index >= wanted.first and leaf_index < wanted."end"
      and received_at >= tree_head.tile_began_at
) as leaf
group by wanted.tenant_id, wanted.first;

-- name: tile_rows(tenant_ids, levels, numbers)
select tile.tenant_id, tile.level, tile.number, tile.hashes
from unnest(:tenant_ids::uuid[], :levels::int[], :numbers::bigint[]) as place (tenant_id, level, number)
join tile on tile.tenant_id = place.tenant_id and tile.level = place.level and tile.number = place.number;

-- name: put_tiles(tenant_ids, levels, numbers, hashes)!
insert into tile (tenant_id, level, number, hashes)
select * from unnest(:tenant_ids::uuid[], :levels::int[], :numbers::bigint[], :hashes::bytea[])
on conflict (tenant_id, level, number) do update set hashes = excluded.hashes;

-- name: move_heads(tenant_ids, sizes, roots, frontiers, at, tiles_began_at)!
update tree_head set size = fresh.size, root = fresh.root, frontier = fresh.frontier, received_at = fresh.at,
    tile_began_at = fresh.tile_began_at, row_version = row_version + 1
from unnest(:tenant_ids::uuid[], :sizes::bigint[], :roots::bytea[], :frontiers::bytea[], :at::timestamptz[],
            :tiles_began_at::timestamptz[]) as fresh (tenant_id, size, root, frontier, at, tile_began_at)
where tree_head.tenant_id = fresh.tenant_id;

-- name: heads_without_checkpoint(most, only)
-- Trees that grew since their last checkpoint; of one tree alone where it is named.
select head.tenant_id, head.size, head.root from tree_head head
where head.size > 0 and head.tenant_id = coalesce(:only::uuid, head.tenant_id) and not exists (
    select 1 from checkpoint where checkpoint.tenant_id = head.tenant_id and checkpoint.size = head.size
)
order by head.tenant_id limit :most::int;

-- name: add_checkpoints(tenant_ids, sizes, roots, notes, signed_at)
insert into checkpoint (tenant_id, size, root, note, signed_at)
select tenant_id, size, root, note, :signed_at::timestamptz
from unnest(:tenant_ids::uuid[], :sizes::bigint[], :roots::bytea[], :notes::text[]) as fresh (tenant_id, size, root, note)
on conflict do nothing
returning tenant_id;

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

-- name: entries(tenant_id, first, end)
select entry from audit_event
where tenant_id = :tenant_id::uuid and leaf_index >= :first::bigint and leaf_index < :end::bigint
order by leaf_index;

-- name: signed_records(tenant_ids, record_ids)
select wanted.tenant_id, wanted.record_id
from unnest(:tenant_ids::uuid[], :record_ids::uuid[]) as wanted (tenant_id, record_id)
join audit_event event on event.record_id = wanted.record_id and event.tenant_id = wanted.tenant_id
where event.leaf_index < (select max(size) from checkpoint where checkpoint.tenant_id = wanted.tenant_id);

-- name: add_bodies(tenant_ids, leaf_indexes, received_at, bodies)!
insert into audit_body (tenant_id, leaf_index, received_at, body)
select * from unnest(:tenant_ids::uuid[], :leaf_indexes::bigint[], :received_at::timestamptz[], :bodies::bytea[]);

-- name: body_of(tenant_id, leaf_index)$
select body from audit_body where tenant_id = :tenant_id::uuid and leaf_index = :leaf_index::bigint;

-- name: checkpoint_at(tenant_id, size)^
select size, root, note, signed_at from checkpoint where tenant_id = :tenant_id::uuid and size = :size::bigint;
