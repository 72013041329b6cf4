"""Reading: each probe takes a client and returns a model, without judging. Only this package reads Redis and HTTP."""
