create or replace function expire_audit_bundle(of_tenant uuid, of_first bigint, at timestamptz) returns void
language plpgsql security definer set search_path from current as $$
declare
    known text := coalesce(current_setting('tenantry.tenant_id', true), '');
    bundle audit_bundle;
begin
    perform set_config('tenantry.tenant_id', of_tenant::text, true);
    select * into bundle from audit_bundle where tenant_id = of_tenant and first_leaf = of_first for update;
    if bundle.tenant_id is null or bundle.expired_at is not null then
        raise exception 'absent: there is no such bundle' using errcode = 'no_data_found';
    end if;
    if bundle.kept_until > at then
        raise exception 'young: it is kept until %', bundle.kept_until using errcode = 'object_in_use';
    end if;
    if to_regclass('audit_event_' || to_char(bundle.month, 'YYYYMM')) is not null then
        raise exception 'unsealed: its month is still in the table' using errcode = 'object_not_in_prerequisite_state';
    end if;
    perform refuse_when_held(of_tenant, bundle.received_from, bundle.received_last, at);
    update audit_bundle set expired_at = at where tenant_id = of_tenant and first_leaf = of_first;
    perform set_config('tenantry.tenant_id', known, true);
end $$;

drop trigger ends_with_its_leaf on audit_body;
drop function refuse_early_end();
drop trigger append_only on audit_body;
create trigger append_only before update or delete or truncate on audit_body
    for each statement execute function refuse_change();
