"""The read side: a client in, a model out, no judgement. The only room that awaits Redis or HTTP for reading."""
