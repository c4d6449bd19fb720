"""The inspection bench: labelled pairs, scored; where the model is wrong, and because of what."""
