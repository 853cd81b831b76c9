drop table api_key_warning, api_key;
