-- name: all_products
select key, version, manifest from product order by key;
