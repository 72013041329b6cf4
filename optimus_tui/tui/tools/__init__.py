"""The tools on the screen: list, form, answer, and the daily routine."""
