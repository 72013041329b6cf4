"""What the validator needs beside its rules: the projects that it judges, their profiles, and the baseline."""
