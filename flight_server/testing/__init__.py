"""What users' own tests may import: stand-ins of services; nothing here knows the server."""
