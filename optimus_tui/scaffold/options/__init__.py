"""Options of a router besides its fields: filters of its list, and its parents."""
