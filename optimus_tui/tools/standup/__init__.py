"""The stand-up glance, and tenants side by side."""
