"""One statement's life, protocol-free: gate, resolve, secure, plan, run. Doors call `service`."""
