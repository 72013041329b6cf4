"""``dialect``: which profile reads the names in Redis, and how it reads them."""
