"""The Athena engine: statements are translated and run by Athena."""
