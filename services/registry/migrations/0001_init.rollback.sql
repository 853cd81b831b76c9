drop table task, sales_order, erp_item, product, claims_push, device_challenge, device, member, tenant_product, tenant_move, tenant;
