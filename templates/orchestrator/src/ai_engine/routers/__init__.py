"""One module per kind of thing the engine keeps."""
