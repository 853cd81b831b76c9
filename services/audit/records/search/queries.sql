-- name: signed_size(tenant_id)^
-- The latest checkpoint of one tree.
select size, root from checkpoint where tenant_id = :tenant_id::uuid order by size desc limit 1;

-- name: root_at(tenant_id, size)$
select root from checkpoint where tenant_id = :tenant_id::uuid and size = :size::bigint;

-- name: signed_trees()
-- Every tree with its latest checkpoint.
select tree_head.tenant_id, latest.size, latest.root from tree_head
cross join lateral (
    select size, root from checkpoint where checkpoint.tenant_id = tree_head.tenant_id order by size desc limit 1
) latest
order by tree_head.tenant_id;

-- name: rows_between(tenant_id, first, end)
-- With what its words are found by.
select leaf_index, record_id, received_at, happened_at, class, action, crud, product, project_id, source, source_epoch,
       source_seq, actor_id, actor_type, on_behalf_of, impersonation_id, session_id, target_id, target_type, network,
       is_failure, external_id, correlation_id, trace_id, entry, leaf_hash,
       coalesce(tsvector_to_array(lexemes(words)), '{}') as stems
from audit_event
where tenant_id = :tenant_id::uuid and leaf_index >= :first::bigint and leaf_index < :end::bigint
order by leaf_index;

-- name: rows_at(tenant_id, leaves)
select leaf_index, record_id, received_at, happened_at, class, action, crud, product, project_id, source, source_epoch,
       source_seq, actor_id, actor_type, on_behalf_of, impersonation_id, session_id, target_id, target_type, network,
       is_failure, external_id, correlation_id, trace_id, entry, leaf_hash
from audit_event where tenant_id = :tenant_id::uuid and leaf_index = any (:leaves::bigint[])
order by leaf_index desc;

-- name: stems_of(words)^
select tsvector_to_array(to_tsvector('english', :words::text)) as english,
       tsvector_to_array(to_tsvector('french', :words::text)) as french;

-- name: records_of_word(tenant_id, word, most)
select record_id from blind_word
where tenant_id = :tenant_id::uuid and word = :word::bytea order by record_id desc limit :most::int;
