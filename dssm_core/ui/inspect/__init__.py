"""The page Inspect: labelled pairs, where the model is wrong on them, and why."""
