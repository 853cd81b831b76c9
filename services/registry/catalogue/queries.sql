-- name: all_products
select key, version, manifest, status, checksum, published_at from product order by key;

-- name: product_by_key^
select key, version, manifest, status, checksum, published_at from product where key = :key::text;

-- name: lock_product^
select key, version, manifest, status, checksum, published_at from product where key = :key::text for update;

-- name: versions_of
select version, checksum, published_at from product_version where key = :key::text order by published_at desc;

-- name: put_product!
insert into product (key, version, manifest, checksum, published_at, status)
values (:key::text, :version::text, :manifest::jsonb, :checksum::text, :published_at::timestamptz, 'published')
on conflict (key) do update
set version = excluded.version, manifest = excluded.manifest, checksum = excluded.checksum,
    published_at = excluded.published_at, status = 'published';

-- name: keep_version!
insert into product_version (key, version, manifest, checksum, published_at)
values (:key::text, :version::text, :manifest::jsonb, :checksum::text, :published_at::timestamptz);

-- name: retire_product!
update product set status = 'retired' where key = :key::text;
