"""The tool that looks into one symptom, and the evidence for it."""
