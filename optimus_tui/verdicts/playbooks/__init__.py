"""What is behind a symptom: one file an issue. Pure: measurements in, a conclusion out. No measurement, no verdict."""
