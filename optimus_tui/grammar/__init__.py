"""What names and payloads mean: total functions over hostile bytes. No I/O; nothing here ever raises on input."""
