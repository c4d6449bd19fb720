"""Corpus search: what lies nearest to a query, and the index of a large corpus on disk."""
