"""Figures of the gateway that several tools show: rates, hit rates and circuit breakers."""
