"""What an installation needs: declarations that provisioning applies and services only check."""
