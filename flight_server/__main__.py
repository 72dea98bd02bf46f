"""Runs the command line with `python -m flight_server`."""

from __future__ import annotations

import sys

from flight_server.cli.main import main

sys.exit(main())
