-- name: add_token(token_id, tenant_id, project_id, name, product, may_read, personal_fields, digest, created_by, at)!
insert into publisher_token
    (token_id, tenant_id, project_id, name, product, may_read, personal_fields, digest, created_by, created_at)
values (:token_id::uuid, :tenant_id::uuid, :project_id::text, :name::text, :product::text, :may_read::boolean,
        :personal_fields::text[], :digest::bytea, :created_by::text, :at::timestamptz);

-- name: token_of_digest(digest)^
select token_id, tenant_id, project_id, product, may_read, personal_fields from publisher_token
where digest = :digest::bytea and revoked_at is null;

-- name: token_in_force(token_id)^
select token_id, tenant_id, project_id, product, may_read, personal_fields from publisher_token
where token_id = :token_id::uuid and revoked_at is null;

-- name: lock_token(tenant_id, token_id)^
select token_id, project_id, name, product, may_read, personal_fields, created_by, created_at, revoked_at, row_version
from publisher_token where tenant_id = :tenant_id::uuid and token_id = :token_id::uuid for update;

-- name: token(tenant_id, token_id)^
select token_id, project_id, name, product, may_read, personal_fields, created_by, created_at, revoked_at, row_version
from publisher_token where tenant_id = :tenant_id::uuid and token_id = :token_id::uuid;

-- name: tokens_page(tenant_id, after, most)
select token_id, project_id, name, product, may_read, personal_fields, created_by, created_at, revoked_at, row_version
from publisher_token
where tenant_id = :tenant_id::uuid and (:after::uuid is null or token_id > :after::uuid)
order by token_id limit :most::int;

-- name: revoke_token(tenant_id, token_id, at)!
update publisher_token set revoked_at = :at::timestamptz, row_version = row_version + 1
where tenant_id = :tenant_id::uuid and token_id = :token_id::uuid;
