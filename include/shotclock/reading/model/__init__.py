"""What the pages of one model show, besides its health: where it fell, another one beside it, its year, a record."""
