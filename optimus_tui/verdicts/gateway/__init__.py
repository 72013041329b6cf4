"""Verdicts on the gateway's requests: failures, refusals, latency, restarts and hit rates."""
