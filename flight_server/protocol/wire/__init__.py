"""The wire messages of Flight and Flight SQL, stated in the project's own words."""
