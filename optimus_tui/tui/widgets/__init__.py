"""Parts that know how to draw, not what they mean."""
