"""The read side: client in, model out, no opinions. The only place that awaits Redis or HTTP for reading."""
