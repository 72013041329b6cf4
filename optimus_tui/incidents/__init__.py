"""Incidents as they are kept: the engine's effects are done here, its events recorded, its end written up."""
