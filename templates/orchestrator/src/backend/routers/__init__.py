"""One module per subject under /api, and the operators' endpoints."""
