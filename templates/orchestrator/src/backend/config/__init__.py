"""Where things are and how patient the gateway is; all of it from the environment."""
