"""Model folders served without Keras, which takes seconds and 500 MB to import."""
