drop policy dropping on audit_event;
create or replace function drop_audit_month(of_month date, at timestamptz) returns bigint
language plpgsql security definer set search_path from current as $$
declare
    child text := 'audit_event_' || to_char(of_month, 'YYYYMM');
    month_end timestamptz := (of_month + interval '1 month')::date::text || ' 00:00:00+00';
    stay interval := (select kept from audit_retention where class = 'table');
    known text := coalesce(current_setting('tenantry.tenant_id', true), '');
    tree record;
    dropped bigint := 0;
begin
    if of_month <> date_trunc('month', of_month)::date or to_regclass(child) is null then
        raise exception 'absent: there is no month %', of_month using errcode = 'no_data_found';
    end if;
    if month_end + stay > at then
        raise exception 'young: % stays in the table until %', of_month, month_end + stay using errcode = 'object_in_use';
    end if;
    begin
        execute format('lock table %I in access exclusive mode', child);
    exception when undefined_table then
        raise exception 'absent: % was dropped a moment ago', of_month using errcode = 'no_data_found';
    end;
    execute format('alter table %I no force row level security', child);
    for tree in execute format(
        'select tenant_id, min(leaf_index) as first, max(leaf_index) as last, count(*) as leaves,
                min(received_at) as opened, max(received_at) as closed from %I group by tenant_id order by tenant_id', child)
    loop
        if tree.last - tree.first + 1 <> tree.leaves then
            raise exception 'unsealed: % of tenant % has a hole', of_month, tree.tenant_id
                using errcode = 'object_not_in_prerequisite_state';
        end if;
        perform set_config('tenantry.tenant_id', tree.tenant_id::text, true);
        perform refuse_loss(tree.tenant_id, of_month, tree.first, tree.last, tree.opened, tree.closed, at);
        dropped := dropped + tree.leaves;
    end loop;
    perform set_config('tenantry.tenant_id', known, true);
    execute format('drop table %I', child);
    return dropped;
end $$;
