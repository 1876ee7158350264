"""Which production files were taken in, read as what, and which were passed over."""
