"""``dialect``: which profile reads the names in Redis, and what it makes of them."""
