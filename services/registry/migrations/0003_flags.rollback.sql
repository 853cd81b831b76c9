create or replace function erase_tenants(ids uuid[]) returns void
    language plpgsql security definer set search_path = registry, pg_temp as
$$
declare
    id uuid;
    t text;
begin
    foreach id in array ids loop
        perform set_config('tenantry.tenant_id', id::text, true);  -- row-level security is forced on the owner too
        if not exists (select 1 from tenant where tenant_id = id and status = 'archived') then
            raise exception 'only archived tenants are erased, % is not', id;
        end if;
        foreach t in array array['tenant_move', 'tenant_product', 'member', 'device', 'device_challenge', 'claims_push',
                                 'tenant_hold', 'due_action', 'idempotency', 'tenant'] loop
            execute format('delete from %I where tenant_id = $1', t) using id;
        end loop;
    end loop;
    perform set_config('tenantry.tenant_id', '', true);
end $$;
drop table version_floor_change, version_floor, flag_change, flag;
drop function tell_keeper();
