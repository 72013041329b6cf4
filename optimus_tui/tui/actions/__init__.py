"""Actions on the screen: arming, what can be done about a row, and interrupted actions."""
