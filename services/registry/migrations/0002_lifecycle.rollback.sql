drop function erase_tenants(uuid[]);
revoke update on tenant from registry_worker;
revoke insert on tenant_move, claims_push from registry_worker;
drop table tombstone, tenant_hold, due_action;
alter table tenant_move drop column recorded_at;
alter table tenant
    drop constraint demo_never_moves,
    drop constraint only_active_is_being_cancelled,
    drop constraint archived_says_when,
    drop constraint frozen_says_why,
    drop column held_until,
    drop column cancel_reason,
    drop column cancel_at,
    drop column archived_at,
    drop column frozen_at,
    drop column frozen_reason;
