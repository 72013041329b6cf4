"""Actions on Redis: the operator's connection, its permit, and what each kind of action does to keys."""
