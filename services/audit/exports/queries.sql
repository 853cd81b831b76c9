-- name: unfinished(tenant_id)$
select count(*) from audit_export where tenant_id = :tenant_id::uuid and state in ('queued', 'running');

-- name: last_received(tenant_id)$
-- The head is locked: the next leaf of this tree is ours.
select received_at from tree_head where tenant_id = :tenant_id::uuid and size > 0 for update;

-- name: ask(tenant_id, export_id, asked_by, asked_by_type, asked_at, language, shows_personal, received_from, received_to, filter, request_leaf)!
insert into audit_export (tenant_id, export_id, state, asked_by, asked_by_type, asked_at, language, shows_personal, received_from,
                          received_to, filter, request_leaf, due_at)
values (:tenant_id::uuid, :export_id::uuid, 'queued', :asked_by::text, :asked_by_type::text, :asked_at::timestamptz,
        :language::text, :shows_personal::bool, :received_from::timestamptz, :received_to::timestamptz, :filter::jsonb,
        :request_leaf::bigint, :asked_at::timestamptz);

-- name: one(tenant_id, export_id)^
select export_id, state, asked_by, asked_by_type, asked_at, language, shows_personal, received_from, received_to, filter,
       request_leaf, first_leaf, end_leaf, looked_at, records, phase, error, bytes, sha256, ready_at, expires_at, downloads
from audit_export where tenant_id = :tenant_id::uuid and export_id = :export_id::uuid;

-- name: listed(tenant_id, after_asked_at, after_export_id, most)
select export_id, state, asked_by, asked_by_type, asked_at, language, shows_personal, received_from, received_to, filter,
       request_leaf, first_leaf, end_leaf, looked_at, records, phase, error, bytes, sha256, ready_at, expires_at, downloads
from audit_export where tenant_id = :tenant_id::uuid
  and (:after_asked_at::timestamptz is null
       or (asked_at, export_id) < (:after_asked_at::timestamptz, :after_export_id::uuid))
order by asked_at desc, export_id desc limit :most::int;

-- name: due(now, most)
-- One of each tenant, the oldest first; none of a tenant whose writer has shown signs of life.
select tenant_id, export_id from (
    select distinct on (tenant_id) tenant_id, export_id, asked_at from audit_export
    where state in ('queued', 'running') and due_at <= :now::timestamptz and not exists (
        select 1 from audit_export other
        where other.tenant_id = audit_export.tenant_id and other.state = 'running' and other.due_at > :now::timestamptz
    )
    order by tenant_id, asked_at
) oldest order by asked_at limit :most::int;

-- name: begin(tenant_id, export_id, due_at)^
update audit_export set state = 'running', attempts = attempts + 1, looked_at = 0, records = 0, phase = 'waiting',
    due_at = :due_at::timestamptz, row_version = row_version + 1
where tenant_id = :tenant_id::uuid and export_id = :export_id::uuid and state in ('queued', 'running')
returning asked_by, asked_at, language, shows_personal, received_from, received_to, filter, request_leaf, attempts;

-- name: bound(tenant_id, export_id, first_leaf, end_leaf)!
update audit_export set first_leaf = :first_leaf::bigint, end_leaf = :end_leaf::bigint, row_version = row_version + 1
where tenant_id = :tenant_id::uuid and export_id = :export_id::uuid;

-- name: progress(tenant_id, export_id, phase, looked_at, records, due_at)!
update audit_export set phase = :phase::text, looked_at = :looked_at::bigint, records = :records::bigint,
    due_at = :due_at::timestamptz, row_version = row_version + 1
where tenant_id = :tenant_id::uuid and export_id = :export_id::uuid and state = 'running';

-- name: finish(tenant_id, export_id, bytes, sha256, records, looked_at, ready_at, expires_at)$
update audit_export set state = 'ready', phase = 'done', bytes = :bytes::bigint, sha256 = :sha256::bytea, error = null,
    records = :records::bigint, looked_at = :looked_at::bigint, ready_at = :ready_at::timestamptz,
    expires_at = :expires_at::timestamptz, row_version = row_version + 1
where tenant_id = :tenant_id::uuid and export_id = :export_id::uuid and state = 'running'
returning row_version;

-- name: put_off(tenant_id, export_id, state, due_at, error)!
update audit_export set state = :state::text, due_at = :due_at::timestamptz, error = :error::text, row_version = row_version + 1
where tenant_id = :tenant_id::uuid and export_id = :export_id::uuid and state in ('queued', 'running');

-- name: count_download(tenant_id, export_id)^
update audit_export set downloads = downloads + 1, row_version = row_version + 1
where tenant_id = :tenant_id::uuid and export_id = :export_id::uuid and state = 'ready'
returning asked_by, asked_at, records, bytes, sha256;

-- name: expire(now, most)
update audit_export set state = 'expired', row_version = row_version + 1
where (tenant_id, export_id) in (
    select tenant_id, export_id from audit_export
    where state = 'ready' and expires_at <= :now::timestamptz order by expires_at limit :most::int for update skip locked
)
returning tenant_id, export_id, sha256;
