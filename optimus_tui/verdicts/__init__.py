"""Pure judgement: readings and thresholds in, findings out."""
