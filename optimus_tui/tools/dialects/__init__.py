"""How a profile reads the names that are in Redis, and which profile fits them."""
