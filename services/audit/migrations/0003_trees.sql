-- Tiles and heads keep their place and are never deleted; what a head says of time never goes back.

create or replace function refuse_shrinking_tile() returns trigger language plpgsql as $$
begin
    if (new.tenant_id, new.level, new.number) <> (old.tenant_id, old.level, old.number) then
        raise exception 'a tile keeps its place' using errcode = 'insufficient_privilege';
    end if;
    if length(new.hashes) < length(old.hashes) or substring(new.hashes from 1 for length(old.hashes)) <> old.hashes then
        raise exception 'a tile only grows at its end' using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;

create or replace function refuse_shrinking_head() returns trigger language plpgsql as $$
begin
    if new.tenant_id <> old.tenant_id or new.size <= old.size or new.received_at < old.received_at then
        raise exception 'a tree head only grows' using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;

-- The migrator could delete them where no grant stands in its way.
create trigger append_only before delete on tile for each row execute function refuse_change();
create trigger append_only before delete on tree_head for each row execute function refuse_change();
create trigger no_truncate before truncate on tile for each statement execute function refuse_change();
create trigger no_truncate before truncate on tree_head for each statement execute function refuse_change();
