drop table product_action, product_conformance_check, product_conformance;
