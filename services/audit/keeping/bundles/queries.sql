-- name: rows_from(tenant_id, first, most)
select leaf_index, record_id, received_at, happened_at, class, action, crud, product, project_id, source, source_epoch,
       source_seq, actor_id, actor_type, on_behalf_of, impersonation_id, session_id, target_id, target_type, network::text,
       is_failure, external_id, correlation_id, trace_id, words, entry, leaf_hash
from audit_event where tenant_id = :tenant_id::uuid and leaf_index >= :first::bigint
order by leaf_index limit :most::int;

-- name: first_at(tenant_id, at)$
select leaf_index from audit_event where tenant_id = :tenant_id::uuid and received_at >= :at::timestamptz
order by received_at, leaf_index limit 1;

-- name: is_in_table(tenant_id, leaf)$
select exists (select 1 from audit_event where tenant_id = :tenant_id::uuid and leaf_index = :leaf::bigint);

-- name: bundle_from(tenant_id, leaf)^
-- The one with this leaf or, where that is gone, the next one.
select first_leaf, end_leaf, offsets, bytes from audit_bundle
where tenant_id = :tenant_id::uuid and end_leaf > :leaf::bigint and expired_at is null
order by first_leaf limit 1;

-- name: bundle_at(tenant_id, at)^
select first_leaf, end_leaf, offsets, bytes from audit_bundle
where tenant_id = :tenant_id::uuid and received_last >= :at::timestamptz and expired_at is null
order by first_leaf limit 1;

-- name: months()
-- The months that are in the table, each a partition.
select to_date(substring(child.relname from 'audit_event_(\d{6})$'), 'YYYYMM') as month
from pg_inherits join pg_class child on child.oid = pg_inherits.inhrelid
where pg_inherits.inhparent = 'audit_event'::regclass and child.relname ~ '^audit_event_\d{6}$'
order by 1;

-- name: unsealed(opened, closed)
-- The trees of a month, and from where on they are in no bundle.
select tree.tenant_id, tree.last + 1 as end_leaf,
       coalesce((select max(bundle.end_leaf) from audit_bundle bundle
                 where bundle.tenant_id = tree.tenant_id and bundle.month = (:opened::timestamptz at time zone 'UTC')::date),
                tree.first) as first_leaf
from (select tenant_id, min(leaf_index) as first, max(leaf_index) as last from audit_event
      where received_at >= :opened::timestamptz and received_at < :closed::timestamptz group by tenant_id) tree
order by tree.tenant_id;

-- name: times_of(tenant_id, first, end, opened, closed)^
select min(received_at) as received_from, max(received_at) as received_last, max(happened_at + kept) as kept_until,
       count(*) as leaves
from audit_event join audit_retention using (class)
where tenant_id = :tenant_id::uuid and leaf_index >= :first::bigint and leaf_index < :end::bigint
  and received_at >= :opened::timestamptz and received_at < :closed::timestamptz;

-- name: add(tenant_id, first_leaf, end_leaf, month, received_from, received_last, kept_until, offsets, bytes, sha256, note, sealed_at)!
insert into audit_bundle (tenant_id, first_leaf, end_leaf, month, received_from, received_last, kept_until, offsets, bytes,
                          sha256, note, sealed_at)
values (:tenant_id::uuid, :first_leaf::bigint, :end_leaf::bigint, :month::date, :received_from::timestamptz,
        :received_last::timestamptz, :kept_until::timestamptz, :offsets::bigint[], :bytes::bigint, :sha256::bytea, :note::text,
        :sealed_at::timestamptz);

-- name: past_their_time(now, most)
select tenant_id, first_leaf, end_leaf from audit_bundle
where expired_at is null and kept_until <= :now::timestamptz order by kept_until limit :most::int;

-- name: expire(tenant_id, first_leaf, now)!
select expire_audit_bundle(:tenant_id::uuid, :first_leaf::bigint, :now::timestamptz);

-- name: drop_month(month, now)$
select drop_audit_month(:month::date, :now::timestamptz);
