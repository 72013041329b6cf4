"""What changes something: plan, apply, undo. Out of the reach of every caller on a network."""
