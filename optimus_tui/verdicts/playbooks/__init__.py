"""What causes a symptom: one file for each issue. Pure: measurements in, a conclusion out."""
