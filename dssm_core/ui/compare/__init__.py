"""The page Compare: one query against its documents."""
