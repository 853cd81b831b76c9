-- A month is dropped without a lock on it first: who read through the parent then waited for the month, and the drop for the
-- parent, until PostgreSQL ended one of them.

-- Only the owner, inside the function, counts the leaves of all trees.
do $$ begin
    execute format('create policy dropping on audit_event for select to %I'
                   ' using (current_setting(''tenantry.dropping'', true) = ''on'')', current_user);
end $$;

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
    -- One at a time; readers and the sequencer go on until the drop itself, which locks the parent before the child.
    perform pg_advisory_xact_lock(hashtextextended('drop_audit_month', 0));
    begin
        execute format('lock table %I in share row exclusive mode', child);
    exception when undefined_table then
        raise exception 'absent: % was dropped a moment ago', of_month using errcode = 'no_data_found';
    end;
    perform set_config('tenantry.dropping', 'on', true);
    for tree in
        select tenant_id, min(leaf_index) as first, max(leaf_index) as last, count(*) as leaves,
               min(received_at) as opened, max(received_at) as closed
        from audit_event
        where received_at >= (of_month::text || ' 00:00:00+00')::timestamptz and received_at < month_end
        group by tenant_id order by tenant_id
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
    perform set_config('tenantry.dropping', '', true);
    execute format('drop table %I', child);
    return dropped;
end $$;
