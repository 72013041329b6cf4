"""What the validator needs besides its rules: the projects that it judges, their profiles, and the baseline."""
