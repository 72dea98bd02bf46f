"""Flight SQL over gRPC: decode, call the query service, encode."""
