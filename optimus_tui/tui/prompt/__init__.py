"""The prompt of ``:`` and ``/``, and its history."""
