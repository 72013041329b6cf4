"""Python source read without running it: parsed, resolved, walked."""
