"""DSSM Lens: shows why a two-tower text matcher scores a query and a document the way it does."""

__version__ = "0.1.0"
