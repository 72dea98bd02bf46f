"""The command line: `flight-server serve | demo | check | token | query | explain | policy | …`."""
