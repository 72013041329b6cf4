"""Facts about a router that rules judge: its routes, its jobs, its keys."""
