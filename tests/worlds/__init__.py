"""Dynamic worlds: small scripted systems that move, each with questions whose right answers are known beforehand."""
