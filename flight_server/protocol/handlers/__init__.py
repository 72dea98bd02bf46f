"""One module per family of Flight SQL commands."""
