drop table trial, crm_push, lead_activity, lead;
alter table tenant drop constraint sales_owner_is_reached, drop column sales_owner_email, drop column sales_owner;
drop function erase_demo(text[]);
drop table demo_lease, demo_baseline, demo_reset_product, demo_reset;
alter table due_action no force row level security;
delete from due_action where action = 'expire_entitlement';
alter table due_action force row level security;
alter table due_action
    drop constraint due_action_pkey,
    drop constraint only_a_grant_names_a_product,
    drop constraint due_action_action_check,
    drop column product,
    add constraint due_action_action_check check (action in
        ('trial_warning', 'expire_trial', 'cancel', 'end_contract', 'archive', 'delete')),
    add primary key (tenant_id, action, due_at);
