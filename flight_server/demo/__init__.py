"""An invented investment firm to try the server with: its lake, its people and its policy."""
