"""The Backend Orchestrator: the gateway in front of the AI Engine."""

__version__ = "1.0.0"
