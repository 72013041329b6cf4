"""Figures of the gateway that several tools tell: rates, hit rates and circuit breakers."""
