drop trigger append_only on tile;
drop trigger append_only on tree_head;
drop trigger no_truncate on tile;
drop trigger no_truncate on tree_head;

create or replace function refuse_shrinking_tile() returns trigger language plpgsql as $$
begin
    if length(new.hashes) < length(old.hashes) or substring(new.hashes from 1 for length(old.hashes)) <> old.hashes then
        raise exception 'a tile only grows at its end' using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;

create or replace function refuse_shrinking_head() returns trigger language plpgsql as $$
begin
    if new.size <= old.size then
        raise exception 'a tree head only grows' using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;
