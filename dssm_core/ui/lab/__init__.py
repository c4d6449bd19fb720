"""The page Lab: the notebook's systems, trained live."""
