-- name: claim_batch$
-- Null for a batch that was counted before.
insert into usage_batch (tenant_id, product_key, batch_id, received_at)
values (:tenant_id::uuid, :product_key::text, :batch_id::uuid, :received_at::timestamptz)
on conflict do nothing returning batch_id;

-- name: add_usage!
insert into usage_daily (tenant_id, project, product_key, metric, day, quantity)
select :tenant_id::uuid, n.project, :product_key::text, n.metric, n.day, n.quantity
from unnest(:projects::text[], :metrics::text[], :days::date[], :quantities::bigint[]) as n (project, metric, day, quantity)
on conflict (tenant_id, product_key, metric, day, project)
do update set quantity = usage_daily.quantity + excluded.quantity;

-- name: totals_since
select metric, sum(quantity)::bigint as quantity from usage_daily
where tenant_id = :tenant_id::uuid and product_key = :product_key::text and day >= :since::date group by metric;

-- name: series
select product_key, project, metric, day, quantity from usage_daily
where tenant_id = :tenant_id::uuid and day > :since::date
  and (:product_key::text is null or product_key = :product_key::text)
order by product_key, metric, day, project;

-- name: reach_quota$
-- Null where it was said before.
insert into quota_reached (tenant_id, product_key, metric, quota, reached_at)
values (:tenant_id::uuid, :product_key::text, :metric::text, :quota::bigint, :reached_at::timestamptz)
on conflict do nothing returning metric;
