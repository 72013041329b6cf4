"""The prompt of ``:`` and ``/``, and what was typed there before."""
