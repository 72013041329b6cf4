"""What may be asked of a router besides its fields: filters of its list, and what it is below."""
