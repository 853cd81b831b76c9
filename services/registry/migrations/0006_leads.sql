-- Grants that end, the demo tenant and its nightly reset, leads with what the CRM has yet to hear, trials to be verified.

-- A grant's end is planned as everything else that happens by itself. Two products may end at the same instant.
alter table due_action
    add column product text not null default '',
    drop constraint due_action_action_check,
    add constraint due_action_action_check check (action in
        ('trial_warning', 'expire_trial', 'cancel', 'end_contract', 'archive', 'delete', 'expire_entitlement')),
    add constraint only_a_grant_names_a_product check ((action = 'expire_entitlement') = (product <> '')),
    drop constraint due_action_pkey,
    add primary key (tenant_id, action, due_at, product);
-- Row-level security is forced on the owner too; what was granted with an end before gets its plan now.
alter table tenant no force row level security;
alter table tenant_product no force row level security;
alter table due_action no force row level security;
insert into due_action (tenant_id, action, due_at, cause, product, planned_at, try_at)
select p.tenant_id, 'expire_entitlement', p.expires_at, 'the grant of ' || p.product_key || ' ends', p.product_key,
       clock_timestamp(), p.expires_at
from tenant_product p join tenant t using (tenant_id)
where p.enabled and p.source <> 'trial' and p.expires_at is not null and t.status <> 'archived';
alter table tenant force row level security;
alter table tenant_product force row level security;
alter table due_action force row level security;
