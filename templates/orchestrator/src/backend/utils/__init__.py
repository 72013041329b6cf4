"""What the routers stand on: limits, caches, their coherence, the upstream guard, metrics and logs."""
