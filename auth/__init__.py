"""Who asks, and what they may see. Knows names, not SQL."""
