"""Sales orders of the ERP."""
