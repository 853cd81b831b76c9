-- name: add_action!
insert into product_action (action_id, tenant_id, product_key, action, is_destructive, requested_by, requested_at)
values (:action_id::uuid, :tenant_id::uuid, :product_key::text, :action::text, :is_destructive::bool,
        :requested_by::text, :requested_at::timestamptz);

-- name: action_by_id^
select action_id, product_key, action, is_destructive, requested_by, requested_at, state, detail, counts, completed_at,
       row_version
from product_action where tenant_id = :tenant_id::uuid and action_id = :action_id::uuid;

-- name: lock_action^
select action_id, tenant_id, product_key, action, state, row_version
from product_action where tenant_id = :tenant_id::uuid and action_id = :action_id::uuid for update;

-- name: lock_forgotten_actions
-- Whose outcome nobody has told; what another process has in hand is passed over.
select action_id, tenant_id, product_key, action, state, row_version from product_action
where state = 'requested' and requested_at <= :before::timestamptz and try_at <= :now::timestamptz
order by requested_at limit :most::int for update skip locked;

-- name: postpone_action!
update product_action set attempts = attempts + 1, last_error = :error::text,
    try_at = :now::timestamptz + least(interval '1 hour', interval '1 second' * power(2, least(attempts, 12)))
where tenant_id = :tenant_id::uuid and action_id = :action_id::uuid;

-- name: complete_action!
update product_action set state = :state::text, detail = :detail::text, counts = :counts::jsonb,
    completed_at = :completed_at::timestamptz, row_version = :row_version::bigint
where tenant_id = :tenant_id::uuid and action_id = :action_id::uuid;

-- name: actions_page
select action_id, product_key, action, is_destructive, requested_by, requested_at, state, detail, counts, completed_at,
       row_version
from product_action
where tenant_id = :tenant_id::uuid and product_key = :product_key::text
  and (:after::uuid is null or action_id < :after::uuid)
order by action_id desc limit :most::int;
