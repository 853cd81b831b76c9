"""What customers and prospects wish for, told to sales and to the CRM."""
