-- name: add_lead^
-- Answers no row where the same wish is open.
insert into lead (lead_id, tenant_id, kind, subject, product_key, plan, why, seats, volume, company, email, requested_by,
                  owner, owner_email, opened_at)
values (:lead_id::uuid, :tenant_id::uuid, :kind::text, :subject::text, :product_key::text, :plan::text, :why::text, :seats::int,
        :volume::int, :company::text, :email::text, :requested_by::text, :owner::text, :owner_email::text,
        :opened_at::timestamptz)
on conflict (tenant_id, kind, subject) where outcome is null do nothing
returning lead_id;

-- name: open_lead^
select lead_id, tenant_id, kind, product_key, plan, why, seats, volume, company, email, requested_by, owner, opened_at, outcome,
       closed_at, row_version
from lead where tenant_id = :tenant_id::uuid and kind = :kind::text and subject = :subject::text and outcome is null;

-- name: lead_by_id^
select lead_id, tenant_id, kind, product_key, plan, why, seats, volume, company, email, requested_by, owner, opened_at, outcome,
       closed_at, row_version
from lead where lead_id = :lead_id::uuid;

-- name: lock_lead^
select lead_id, tenant_id, kind, product_key, plan, why, seats, volume, company, email, requested_by, owner, opened_at, outcome,
       closed_at, row_version
from lead where lead_id = :lead_id::uuid for update;

-- name: lead_to_tell^
select l.kind, l.product_key, l.plan, l.why, l.seats, l.volume, coalesce(l.company, t.name) as company, l.owner, l.owner_email
from lead l left join tenant t on t.tenant_id = l.tenant_id where l.lead_id = :lead_id::uuid;

-- name: leads_page
select lead_id, tenant_id, kind, product_key, plan, why, seats, volume, company, email, requested_by, owner, opened_at, outcome,
       closed_at, row_version
from lead
where (:owner::text is null or owner = :owner::text)
  and (:is_open::bool is null or (outcome is null) = :is_open::bool)
  and (:after::uuid is null or lead_id > :after::uuid)
order by lead_id limit :most::int;

-- name: close_lead!
update lead set outcome = :outcome::text, closed_at = :closed_at::timestamptz, row_version = row_version + 1
where lead_id = :lead_id::uuid;

-- name: add_activity!
insert into lead_activity (activity_id, tenant_id, lead_id, verb, actor_id, at)
values (:activity_id::uuid, :tenant_id::uuid, :lead_id::uuid, :verb::text, :actor_id::text, :at::timestamptz);

-- name: activities_of
select verb, actor_id, at from lead_activity where lead_id = :lead_id::uuid order by activity_id;

-- name: sales_owner_of^
select sales_owner, sales_owner_email from tenant where tenant_id = :tenant_id::uuid;

-- name: put_sales_owner$
update tenant set sales_owner = :owner::text, sales_owner_email = :email::text where tenant_id = :tenant_id::uuid
returning tenant_id;

-- name: want_push!
insert into crm_push (lead_id, tenant_id, due_at) values (:lead_id::uuid, :tenant_id::uuid, :due_at::timestamptz)
on conflict (lead_id) do update set due_at = excluded.due_at, attempts = 0;

-- name: due_pushes
select p.lead_id, p.tenant_id, p.due_at, p.attempts, l.kind, l.product_key, l.plan, l.why, l.seats, l.volume,
       coalesce(l.company, t.name) as company, l.email, l.requested_by, l.owner, l.opened_at, l.outcome, l.row_version
from crm_push p join lead l on l.lead_id = p.lead_id left join tenant t on t.tenant_id = p.tenant_id
where p.due_at <= :now::timestamptz order by p.due_at limit :most::int;

-- name: pushed$
-- Only if nothing newer is to be told; the process that took it off says so.
delete from crm_push where lead_id = :lead_id::uuid and due_at = :due_at::timestamptz returning lead_id;

-- name: push_failed!
update crm_push set attempts = attempts + 1, due_at = :due_at::timestamptz, last_error = :error::text
where lead_id = :lead_id::uuid;
