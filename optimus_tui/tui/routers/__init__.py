"""Routers on the screen: the wizard that writes one, and the compliance screen."""
