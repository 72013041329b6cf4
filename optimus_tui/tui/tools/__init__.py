"""The tools on the screen: list, form, answer, the routine of the day."""
