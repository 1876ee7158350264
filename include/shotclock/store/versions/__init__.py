"""The versions of a model: registered, kept as data, read back before they serve."""
