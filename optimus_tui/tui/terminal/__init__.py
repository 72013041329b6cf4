"""What the screen asks of the terminal and the system: signals, crashes, the clipboard, the editor, safe output."""
