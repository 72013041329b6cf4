"""Find the cause of a symptom, in one file for each issue. Pure: measurements in, a conclusion out."""
