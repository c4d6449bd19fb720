"""What the three pages share."""
