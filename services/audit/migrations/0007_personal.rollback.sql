drop function index_closed_audit_months(date);
do $$
declare one text;
begin
    for one in select indexname from pg_indexes
               where schemaname = current_schema() and indexname ~ '^audit_event_[0-9]{6}_(text|fields|network)$' loop
        execute format('drop index %I', one);
    end loop;
end $$;
drop index audit_event_by_target, audit_event_by_behalf, audit_event_failures;
drop function lexemes(text), posted_fields(bytea);
drop table publisher_token, blind_word, subject_key, tenant_key;
drop function refuse_key_change();
revoke insert on idempotency from audit_worker;
