"""The full-screen dashboard. It shows verdicts and makes none."""
