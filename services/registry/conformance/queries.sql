-- name: due_product$
-- A product whose turn it is: never looked at, due, or published anew; not one that somebody is looking at.
select p.key from product p left join product_conformance c on c.product_key = p.key
where p.status = 'published' and p.manifest ->> 'api_base' is not null
  and (c.product_key is null or c.due_at <= :now::timestamptz or c.checksum is distinct from p.checksum)
  and (c.claimed_until is null or c.claimed_until <= :now::timestamptz)
order by c.due_at nulls first limit 1;

-- name: ensure_conformance!
insert into product_conformance (product_key, due_at) values (:key::text, :now::timestamptz) on conflict do nothing;

-- name: lock_free_probe^
-- Nothing where another process has the row locked or is looking.
select product_key, due_at, checksum from product_conformance
where product_key = :key::text and (claimed_until is null or claimed_until <= :now::timestamptz)
for update skip locked;

-- name: claim_probe!
update product_conformance set claim_id = :claim_id::uuid, claimed_until = :until::timestamptz
where product_key = :key::text;

-- name: lock_claimed_probe^
select verdict, changed_at, row_version from product_conformance
where product_key = :key::text and claim_id = :claim_id::uuid for update;

-- name: release_probe!
update product_conformance set claim_id = null, claimed_until = :until::timestamptz
where product_key = :key::text and claim_id = :claim_id::uuid;

-- name: conclude_probe!
update product_conformance set verdict = :verdict::text, checksum = :checksum::text, changed_at = :changed_at::timestamptz,
    due_at = :due_at::timestamptz, claim_id = null, claimed_until = null, row_version = :row_version::bigint
where product_key = :key::text;

-- name: add_check!
insert into product_conformance_check (check_id, product_key, version, verdict, findings, checked_at)
values (:check_id::uuid, :key::text, :version::text, :verdict::text, :findings::jsonb, :checked_at::timestamptz);

-- name: forget_checks!
delete from product_conformance_check where product_key = :key::text and check_id not in (
    select check_id from product_conformance_check where product_key = :key::text
    order by checked_at desc, check_id desc limit :kept::int);

-- name: conformance_of^
select verdict, changed_at, due_at, claimed_until from product_conformance where product_key = :key::text;

-- name: checks_of
select check_id, version, verdict, findings, checked_at from product_conformance_check
where product_key = :key::text order by checked_at desc, check_id desc limit :most::int;
