alter table directory_member drop column is_deactivated;
