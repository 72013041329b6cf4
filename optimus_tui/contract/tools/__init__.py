"""Queries and documents of the seven tools: frozen Structs whose descriptions become help texts and schemas."""
