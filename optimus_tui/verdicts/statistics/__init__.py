"""What figures prove: percentiles, bounds of histograms, chance and trends."""
