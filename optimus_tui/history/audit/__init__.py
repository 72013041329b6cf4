"""The hash-chained record of every change that was made with this program."""
