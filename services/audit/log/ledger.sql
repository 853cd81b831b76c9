-- name: checkpoints_due(ledger, quiet_before, most)
-- The latest checkpoint of each tree that moved since it was last in the ledger, and of each that is quiet for too long.
select head.tenant_id, newest.size, newest.root, newest.note, newest.signed_at
from tree_head head
cross join lateral (
    select size, root, note, signed_at from checkpoint
    where checkpoint.tenant_id = head.tenant_id order by size desc limit 1
) as newest
left join lateral (
    select size, entered_at from ledger_entry entry
    where entry.tenant_id = head.tenant_id order by entry.leaf_index desc limit 1
) as entered on true
where head.tenant_id <> :ledger::uuid
  and (entered.size is null or entered.size < newest.size or entered.entered_at <= :quiet_before::timestamptz)
order by head.tenant_id limit :most::int;

-- name: add_ledger_entries(tenant_ids, sizes, leaf_indexes, entered_at)!
insert into ledger_entry (tenant_id, leaf_index, size, entered_at)
select tenant_id, leaf_index, size, :entered_at::timestamptz
from unnest(:tenant_ids::uuid[], :leaf_indexes::bigint[], :sizes::bigint[]) as fresh (tenant_id, leaf_index, size);

-- name: ledger_entry_before(tenant_id, size, most)^
-- The last entry of a tree, of at most so many leaves, that the ledger's checkpoint of this size covers.
select leaf_index, size, entered_at from ledger_entry
where tenant_id = :tenant_id::uuid and leaf_index < :size::bigint and size <= :most::bigint
order by leaf_index desc limit 1;

-- name: ledger_leaf(ledger, leaf_index, entered_at)$
select entry from audit_event
where tenant_id = :ledger::uuid and leaf_index = :leaf_index::bigint and received_at >= :entered_at::timestamptz;

-- name: not_anchored(ledger, adapter)^
select size, root, note, signed_at from checkpoint
where tenant_id = :ledger::uuid
  and size > coalesce((select max(tree_size) from anchor where adapter = :adapter::text), 0)
order by size desc limit 1;

-- name: add_anchor(adapter, tree_size, root, note, reference, anchored_at)!
insert into anchor (adapter, tree_size, root, note, reference, anchored_at)
values (:adapter::text, :tree_size::bigint, :root::bytea, :note::text, :reference::text, :anchored_at::timestamptz)
on conflict do nothing;

-- name: anchors_before(before, most)
select adapter, tree_size, root, note, reference, anchored_at from anchor
where tree_size < :before::bigint order by tree_size desc, adapter limit :most::int;
