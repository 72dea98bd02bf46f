"""The audit log: who asked for what and what became of it, so that later changes are found."""
