"""Questions and answers of the seven tools: frozen Structs whose descriptions become help, schemas and documents."""
