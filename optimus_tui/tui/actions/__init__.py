"""Actions on the screen: arming, the actions for a row, and interrupted actions."""
