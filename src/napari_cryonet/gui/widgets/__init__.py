"""The docks, one for each thing a user wants to do."""
