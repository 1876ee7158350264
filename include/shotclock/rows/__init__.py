"""What a row must be: its types, splits, labels, ids."""
