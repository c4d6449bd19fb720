"""Results as files: HTML, CSV, spreadsheets."""
