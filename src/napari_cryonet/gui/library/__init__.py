"""The parts of the Library dock: search, download, sort, and a look at a pair of half maps."""
